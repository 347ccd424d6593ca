//go:build interop

package gateway_test

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net"
	"net/textproto"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"mxgate/gateway/resolve/unboundtest"
	"mxgate/gateway/smtptest"
)

// What Postfix asks for as a client reaches the next hop: SMTPUTF8, DSN
// parameters, 8BITMIME, many recipients, a large message; all over TLS, which we
// require.
func TestInteropPostfixAsClient(t *testing.T) {
	needServers(t)
	sink, err := smtptest.Start("127.0.0.1:0", smtptest.Options{Extensions: []string{"PIPELINING", "8BITMIME", "SIZE 104857600", "DSN", "SMTPUTF8"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sink.Close)
	pem := selfSigned(t, t.TempDir(), gateHost)
	gate := startGate(t, sink.Target(), startUnbound(t), fmt.Sprintf("[tls]\ncert_file = %q\nkey_file = %q\nrequire = true\n", pem, pem))
	provider := startPostfix(t, providerHost, "relay_domains = example.com\nrelay_transport = smtp:["+strings.Replace(gate.addr, ":", "]:", 1)+
		"\nsmtp_tls_security_level = encrypt\nsmtputf8_enable = yes\n")
	var many []string
	for i := range 20 {
		many = append(many, fmt.Sprintf("bob+%d@example.com", i))
	}
	large := strings.Repeat("A line of a large message, thirty-nine.\n", 5<<20/40)
	for _, c := range []struct {
		name, content string
		arguments     []string
		to            []string
		mail, rcpt    []string // parameters at the next hop
	}{
		{"DSN and 20 recipients", "Subject: many\n\nText.\n", []string{"-N", "success,delay", "-R", "hdrs", "-V", "a+b=c", "-f", "anna@sender.test"}, many,
			[]string{"RET=HDRS", "ENVID=a+2Bb+3Dc"}, []string{"NOTIFY=SUCCESS,DELAY", "ORCPT=rfc822;"}},
		{"never a DSN", "Subject: never\n\nText.\n", []string{"-N", "never", "-f", "anna@sender.test"}, many[:1], nil, []string{"NOTIFY=NEVER"}},
		{"SMTPUTF8", "Subject: Grüße\n\nText.\n", []string{"-B", "8BITMIME", "-f", "änne@sender.test"}, []string{"bob+grün@example.com"},
			[]string{"SMTPUTF8", "BODY=8BITMIME"}, nil},
		{"8BITMIME", "Subject: eight\n\nGr\xfc\xdfe\n", []string{"-B", "8BITMIME", "-f", "anna@sender.test"}, many[:1], []string{"BODY=8BITMIME"}, nil},
		{"5 MB", "Subject: large\n\n" + large, []string{"-f", "anna@sender.test"}, many[:1], nil, nil},
	} {
		before := sink.Count()
		command := exec.CommandContext(t.Context(), program(t, "sendmail"), append(append([]string{"-C", provider.conf}, c.arguments...), c.to...)...)
		command.Stdin = strings.NewReader("From: Anna <anna@sender.test>\n" + c.content)
		if out, err := command.CombinedOutput(); err != nil || len(out) > 0 {
			t.Fatalf("%s: sendmail: %v, %s", c.name, err, out)
		}
		poll(t, c.name+" is at the next hop", time.Minute, func() bool { return sink.Count() > before })
		checkAsked(t, c.name, sink.Messages()[before], c.to, strings.ReplaceAll(c.content, "\n", "\r\n"), c.mail, c.rcpt)
	}
	provider.drained(time.Minute)
	for _, v := range sink.Violations() {
		t.Errorf("at the next hop: %s", v)
	}
	if n := sink.Count(); n != 5 {
		t.Errorf("%d messages at the next hop, want 5", n)
	}
	gate.stop()
}

// checkAsked compares a message at the next hop with what its author asked for.
func checkAsked(t *testing.T, name string, m smtptest.Message, to []string, content string, mail, rcpt []string) {
	t.Helper()
	got := slices.Clone(m.ForwardPaths)
	slices.Sort(got)
	slices.Sort(to)
	if !slices.Equal(got, to) {
		t.Errorf("%s: to %q, want %q", name, got, to)
	}
	header, body, _ := strings.Cut(content, "\r\n\r\n") // Postfix adds to the header
	if !strings.Contains(string(m.Content), "\r\n"+header+"\r\n") || !strings.HasSuffix(string(m.Content), "\r\n\r\n"+body) || !strings.Contains(string(m.Content[:200]), "SMTPS tls TLS_") {
		t.Errorf("%s: content was altered, or did not come over TLS: %v", name, m)
	}
	for _, want := range mail {
		if !slices.Contains(m.Params, want) {
			t.Errorf("%s: MAIL with %q, want %q among them", name, m.Params, want)
		}
	}
	for i, params := range m.RcptParams {
		for _, want := range rcpt {
			if want == "ORCPT=rfc822;" {
				want += strings.ReplaceAll(m.ForwardPaths[i], "+", "+2B")
			}
			if !slices.Contains(params, want) {
				t.Errorf("%s: RCPT with %q, want %q among them", name, params, want)
			}
		}
	}
}

// securePostfix is a Postfix with a mailbox that offers TLS and believes us about
// clients.
func securePostfix(t *testing.T, maildir, certificate string) *postfix {
	t.Helper()
	if err := os.Chown(maildir, 65534, 65534); err != nil {
		t.Fatal(err)
	}
	return startPostfix(t, storeHost, strings.Replace(fmt.Sprintf(mailbox, maildir), "smtpd_tls_security_level = none", "smtpd_tls_security_level = may", 1)+
		"smtpd_tls_chain_files = "+certificate+"\nsmtpd_tls_loglevel = 1\nsmtpd_authorized_xforward_hosts = 127.0.0.1\n")
}

// leaf is the certificate of a file of selfSigned.
func leaf(t *testing.T, file string) *x509.Certificate {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	_, rest := pem.Decode(text) // the key
	block, _ := pem.Decode(rest)
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

// The real client is known to the next hop, behind a load balancer that speaks
// the PROXY protocol to us, and TLS that a CA vouches for.
func TestInteropFromHAProxyToPostfix(t *testing.T) {
	needServers(t)
	balancer := program(t, "haproxy")
	maildir, dir := workDir(t), t.TempDir()
	file := selfSigned(t, dir, storeHost)
	nextHop := securePostfix(t, maildir, file)
	ca := filepath.Join(dir, "ca.pem")
	write(t, ca, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: leaf(t, file).Raw})))
	gate := startGateFor(t, `ranges = ["127.0.0.7/32", "127.0.0.8/32"]`, `proxy_protocol = ["127.0.0.1/32"]`, "mail", startUnbound(t),
		fmt.Sprintf("[[next_hop]]\nname = \"mail\"\nhosts = [%q]\ntls = \"verified\"\ntls_name = %q\nca_file = %q\n", nextHop.addr, storeHost, ca))
	v1, v2 := local(freePort(t)), local(freePort(t))
	conf := filepath.Join(dir, "haproxy.cfg")
	write(t, conf, "defaults\n mode tcp\n timeout connect 10s\n timeout client 60s\n timeout server 60s\n"+
		"listen one\n bind "+v1+"\n server gate "+gate.addr+" send-proxy\n"+
		"listen two\n bind "+v2+"\n server gate "+gate.addr+" send-proxy-v2 check inter 100ms\n") // its checks are LOCAL
	command := exec.CommandContext(t.Context(), balancer, "-db", "-f", conf)
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = command.Wait() }) // killed: t.Context is over by then
	for client, addr := range map[string]string{"127.0.0.7": v1, "127.0.0.8": v2} {
		var m *mailman
		poll(t, "a greeting through "+addr, 30*time.Second, func() bool { m = mailmanAt(t, client, addr); return m != nil })
		m.expect(250, "EHLO mx7.provider.example")
		m.handPlain(client)
		m.expect(221, "QUIT")
	}
	if m := mailmanAt(t, "127.0.0.9", v1); m != nil {
		t.Error("a stranger behind the balancer was greeted")
	}
	nextHop.drained(time.Minute)
	delivered := readMaildir(t, filepath.Join(maildir, "bob", "new"))
	if len(delivered) != 2 {
		t.Errorf("mail of %d clients was delivered, want 2", len(delivered))
	}
	for client, copies := range delivered {
		if len(copies) != 1 || !strings.Contains(string(copies[0]), "Received: from mx7.provider.example (unknown ["+client+"])\n\tby "+gateHost) {
			t.Errorf("%s: delivered %d times: %.400s", client, len(copies), copies[0])
		}
		if log := nextHop.log(); !strings.Contains(log, "client=unknown["+client+"]") {
			t.Errorf("%s is not in the log of the next hop", client)
		}
	}
	if n := strings.Count(nextHop.log(), "TLS connection established from"); n == 0 {
		t.Error("the next hop knows of no TLS connection")
	}
	gate.stop()
}

// mailmanAt is a mailman who comes from an address of his own; nil if he is not
// greeted with 220.
func mailmanAt(t *testing.T, from, to string) *mailman {
	t.Helper()
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}, Timeout: 10 * time.Second}
	nc, err := d.DialContext(t.Context(), "tcp", to)
	if err != nil {
		return nil
	}
	t.Cleanup(func() { nc.Close() })
	if err := nc.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	m := &mailman{t, textproto.NewConn(nc)}
	if _, _, err := m.conn.ReadResponse(220); err != nil {
		return nil
	}
	return m
}

// handPlain hands over one small letter.
func (m *mailman) handPlain(id string) {
	m.t.Helper()
	m.expect(250, "MAIL FROM:<carol@sender.test>")
	m.expect(250, "RCPT TO:<bob+"+id+"@example.com>")
	m.expect(354, "DATA")
	m.expect(250, "From: carol@sender.test\r\nSubject: x\r\n\r\nText.\r\n.")
}

// A real server is held to its TLSA records, through a real validating resolver,
// and to the CA. Its name is localhost because the address of a next hop comes
// from the system, and only the TLSA records from unbound.
func TestInteropTLSToPostfix(t *testing.T) {
	needServers(t)
	maildir, dir := workDir(t), t.TempDir()
	file, another := selfSigned(t, dir, storeHost), selfSigned(t, t.TempDir(), storeHost)
	nextHop := securePostfix(t, maildir, file)
	other := startTap(t, nextHop.addr).addr() // another port of the same server
	ca := filepath.Join(dir, "ca.pem")
	write(t, ca, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: leaf(t, another).Raw})))
	zone := "@ SOA ns hostmaster 1 7200 3600 86400 60\n@ NS ns\nns A 192.0.2.53\n@ A 127.0.0.1\n" + tlsa(t, nextHop.addr, file) + tlsa(t, other, another)
	signed, anchor := unboundtest.Sign(t, "localhost", zone)
	resolver := unboundtest.Start(t, unboundtest.Server{`module-config: "validator iterator"`, `local-zone: "localhost." nodefault`, anchor}, unboundtest.AuthZone(t, "localhost", signed))
	atLocalhost := strings.NewReplacer("127.0.0.1", "localhost").Replace
	ways := ""
	for name, keys := range map[string]string{
		"right": fmt.Sprintf("hosts = [%q]\ntls = \"dane-only\"", atLocalhost(nextHop.addr)),
		"wrong": fmt.Sprintf("hosts = [%q]\ntls = \"dane-only\"", atLocalhost(other)),
		"ca":    fmt.Sprintf("hosts = [%q]\ntls = \"verified\"\ntls_name = %q\nca_file = %q", nextHop.addr, storeHost, ca),
	} {
		ways += "[[next_hop]]\nname = \"" + name + "\"\n" + keys + "\n[[domain]]\nname = \"" + name + ".example\"\nnext_hop = \"" + name + "\"\n"
	}
	gate := startGate(t, "right", resolver, ways)
	for domain, want := range map[string]string{"example.com": "250", "wrong.example": "451 4.7.5", "ca.example": "451 4.7.5"} {
		l := smtptest.Letter{ReversePath: "carol@sender.test", ForwardPaths: []string{"bob+tls@" + domain}, Content: []byte("From: carol@sender.test\r\n\r\nText.\r\n")}
		heard, err := smtptest.Play(t.Context(), gate.addr, l.Turns(false), smtptest.Cut{})
		if err != nil || !strings.HasPrefix(heard.Answer(), want+" ") {
			t.Errorf("%s: %q, %v; want %q", domain, heard.Replies, err, want)
		}
	}
	nextHop.drained(time.Minute)
	if got := readMaildir(t, filepath.Join(maildir, "bob", "new"))["tls"]; len(got) != 1 {
		t.Errorf("delivered %d times, want once", len(got))
	}
}

// tlsa is a record for the key of a file of selfSigned, at addr of localhost.
func tlsa(t *testing.T, addr, certificate string) string {
	t.Helper()
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("_%s._tcp TLSA 3 1 1 %x\n", port, sha256.Sum256(leaf(t, certificate).RawSubjectPublicKeyInfo))
}
