//go:build interop

package relay

import (
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"mxgate/policy/mail"
)

// postfixMain is a Postfix that takes all mail for example.net, believes us about
// clients, offers TLS, and delivers nothing.
const postfixMain = `compatibility_level = 3.6
myhostname = mail.example.com
queue_directory = %[1]s/spool
data_directory = %[1]s/data
maillog_file = %[1]s/log/mail.log
maillog_file_prefixes = %[1]s
inet_interfaces = 127.0.0.1
inet_protocols = %[2]s
mydestination =
alias_maps =
relay_domains = example.net
relay_transport = discard:
default_transport = discard:
smtpd_relay_restrictions = reject_unauth_destination
smtpd_peername_lookup = no
smtpd_client_restrictions = check_client_access inline:{192.0.2.66=REJECT}
smtpd_authorized_xforward_hosts = 127.0.0.1
smtpd_authorized_xclient_hosts = 127.0.0.1
smtpd_tls_security_level = may
smtpd_tls_chain_files = %[1]s/etc/tls.pem
`

const postfixMaster = `%s inet n - n - - smtpd
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
proxymap unix - - n - - proxymap
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
anvil unix - - n - 1 anvil
postlog unix-dgram n - n - 1 postlogd
`

// startPostfix returns the address of a Postfix that knows those protocols and has
// the certificate of cert, and what reads its log.
func startPostfix(t *testing.T, cert *authority, protocols string) (addr string, log func() string) {
	t.Helper()
	account, err := user.Lookup("postfix")
	program, err2 := exec.LookPath("postfix")
	if os.Getuid() != 0 || err != nil || err2 != nil {
		if os.Getenv("MXGATE_CI") == "1" {
			t.Fatal("Postfix is not installed, or we are not root (MXGATE_CI=1: may not be skipped)")
		}
		t.Skip("Postfix is not installed, or we are not root")
	}
	dir, err := os.MkdirTemp("/var/tmp", "mxgate-interop-") // Postfix must be able to enter it
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	os.Chmod(dir, 0o755)
	for _, name := range []string{"etc", "spool", "data", "log"} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	uid, _ := strconv.Atoi(account.Uid)
	os.Chown(filepath.Join(dir, "data"), uid, -1)
	l, err := net.Listen("tcp", "127.0.0.1:0") // Postfix cannot tell us a port
	if err != nil {
		t.Fatal(err)
	}
	addr = l.Addr().String()
	l.Close()
	key, err := x509.MarshalPKCS8PrivateKey(cert.key)
	if err != nil {
		t.Fatal(err)
	}
	chain := string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key})) +
		string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.cert.Raw}))
	for name, text := range map[string]string{"tls.pem": chain, "main.cf": fmt.Sprintf(postfixMain, dir, protocols), "master.cf": fmt.Sprintf(postfixMaster, addr)} {
		if err := os.WriteFile(filepath.Join(dir, "etc", name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	conf := filepath.Join(dir, "etc")
	log = func() string {
		text, _ := os.ReadFile(filepath.Join(dir, "log", "mail.log"))
		return string(text)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(log())
		}
		exec.Command(program, "-c", conf, "abort").Run() // not running is fine
	})
	if out, err := exec.CommandContext(t.Context(), program, "-c", conf, "start").CombinedOutput(); err != nil {
		t.Fatalf("postfix start: %v\n%s", err, out)
	}
	return addr, log
}

// What fakes cannot show: that a real server takes XFORWARD in the flight of
// MAIL, XCLIENT more than once, our DSN parameters, and a pause under TLS.
func TestInteropPostfix(t *testing.T) {
	ca := newCA(t)
	addr, log := startPostfix(t, ca.sign(t, template("mail.example.com", today)), "all")
	p := pool(t, nil)
	policy := TLSPolicy{Mode: TLSVerified, ServerName: "mail.example.com", Roots: ca.pool()}
	routes := []*Route{
		{Hosts: []string{addr}, Client: Forward},
		{Hosts: []string{addr}, Client: Forward, TLS: policy},
		{Hosts: []string{addr}, Client: Replace},
		{Hosts: []string{addr}, Client: Replace, TLS: policy},
	}
	probed, err := p.Probe(t.Context(), routes[1])
	if err != nil {
		t.Fatal(err)
	}
	c := probed[0].Capabilities
	if len(c.XForward) < 6 || !c.replacesClient() || !c.DSN || !c.Pipelining || !c.EightBitMIME || !c.TLS.Verified {
		t.Errorf("%+v", c)
	}
	for i, r := range routes {
		for j := range 3 {
			client := mail.Client{Addr: netip.MustParseAddr(fmt.Sprintf("192.0.2.%d", 10*i+j/2+1)), Helo: fmt.Sprintf("mx%d-%d.example.org", i, j/2), Extended: true}
			if j == 2 {
				client.Addr = netip.MustParseAddr(fmt.Sprintf("2001:db8::%d", i+1))
			}
			interopSend(t, p, r, client)
		}
		// Postfix does not offer XCLIENT to whom we became: one for each client.
		if n, want := idle(p), []int{2, 2, 4, 6}[i]; n != want { // with the probe's
			t.Errorf("%d idle connections after route %d, want %d", n, i, want)
		}
	}
	d := openTo(t, p, routes[2], mail.Client{Addr: netip.MustParseAddr("192.0.2.66"), Helo: "bad.example.org", Extended: true})
	if reply, err := d.Rcpt(t.Context(), address(t, "b@example.net"), noDSN); err != nil || reply.Code != 554 { // its own access rule
		t.Errorf("a client whom the next hop refuses: %v, %v", reply, err)
	}
	d.Abort()
	if !strings.Contains(log(), "helo=<bad.example.org>") {
		t.Error("the EHLO name of the client is not known")
	}
	for i := range routes {
		for _, want := range []string{fmt.Sprintf("[192.0.2.%d]", 10*i+1), fmt.Sprintf("[2001:db8::%d]", i+1)} {
			for deadline := time.Now().Add(10 * time.Second); !strings.Contains(log(), want); time.Sleep(10 * time.Millisecond) {
				if time.Now().After(deadline) {
					t.Fatalf("route %d: %s is not in the log", i, want)
				}
			}
		}
	}
	for _, complaint := range []string{"warning:", "error:", "improper", "lost connection"} {
		for line := range strings.Lines(log()) {
			if strings.Contains(line, complaint) {
				t.Error(strings.TrimSpace(line))
			}
		}
	}
}

// A Postfix without IPv6 refuses IPv6 clients in XFORWARD. Mail goes on.
func TestInteropPostfixWithoutIPv6(t *testing.T) {
	addr, log := startPostfix(t, newCA(t).sign(t, template("mail.example.com", today)), "ipv4")
	p := pool(t, nil)
	r := &Route{Hosts: []string{addr}, Client: Forward}
	for range 3 {
		interopSend(t, p, r, clientAt("2001:db8::1", "mx.example.org"))
	}
	interopSend(t, p, r, clientAt("192.0.2.1", "mx.example.org"))
	for deadline := time.Now().Add(10 * time.Second); !strings.Contains(log(), "[192.0.2.1]"); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the IPv4 client is not in the log")
		}
	}
	p.Close()
	for deadline := time.Now().Add(10 * time.Second); !strings.Contains(log(), "xforward=3/4 mail=4"); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("XFORWARD was not refused once and no more")
		}
	}
}

// interopSend delivers one message with all that can be asked for.
func interopSend(t *testing.T, p *Pool, r *Route, client mail.Client) {
	t.Helper()
	env := mail.Envelope{ReversePath: address(t, `"a b"@example.com`), Body: mail.Body8BitMIME, SizeOctets: 100, Return: mail.ReturnHeaders, EnvelopeID: "id = 1+1"}
	d, err := p.Open(t.Context(), r, client, env)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Abort()
	d.conn.armed = d.conn.armed.Add(-lookAfter) // it is looked at
	before := d.conn
	dsn := mail.RecipientDSN{Notify: "NEVER", OriginalType: "rfc822", Original: "b c+d=e@example.org"}
	if reply, err := d.Rcpt(t.Context(), address(t, `"b\"c"@example.net`), dsn); err != nil || !reply.Positive() {
		t.Fatalf("%v, %v", reply, err)
	}
	if d.conn != before {
		t.Error("a connection that stood was given up")
	}
	if reply, err := d.Send(t.Context(), text("Subject: x\r\n\r\n"), text(".\r\n\xe4\r\n")); err != nil || !reply.Positive() {
		t.Fatalf("%v, %v", reply, err)
	}
}
