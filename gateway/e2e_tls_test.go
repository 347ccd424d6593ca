package gateway

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// certificate writes a certificate of the gateway and returns the [tls] table,
// and who trusts it.
func certificate(t *testing.T) (string, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"gate.example.com"}, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	dir, pool := t.TempDir(), x509.NewCertPool()
	for name, block := range map[string]*pem.Block{"cert.pem": {Type: "CERTIFICATE", Bytes: der}, "key.pem": {Type: "PRIVATE KEY", Bytes: private}} {
		if err := os.WriteFile(filepath.Join(dir, name), pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	trusted, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool.AddCert(trusted)
	return fmt.Sprintf("[tls]\ncert_file = %q\nkey_file = %q\nrequire = true\n", filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")), pool
}

func TestDuty_H2_OverTLS(t *testing.T) {
	table, pool := certificate(t)
	g := newStage(t, script{tail: table})
	c := g.dial()
	if reply, err := c.ask("MAIL FROM:<" + partner + ">"); err != nil || !strings.HasPrefix(reply, "530 5.7.0 ") {
		t.Errorf("in clear: %q, %v", reply, err)
	}
	if reply, err := c.ask("STARTTLS"); err != nil || !strings.HasPrefix(reply, "220 ") {
		t.Fatal(reply, err)
	}
	secure := tls.Client(c.conn, &tls.Config{ServerName: "gate.example.com", RootCAs: pool})
	c.conn, c.r = secure, bufio.NewReader(secure)
	if reply, err := c.ask("MAIL FROM:<" + partner + ">"); err != nil || !strings.HasPrefix(reply, "503 5.5.1 ") {
		t.Errorf("before EHLO, which was forgotten: %q, %v", reply, err)
	}
	if _, err := c.ask("EHLO mx1.provider.example"); err != nil {
		t.Fatal(err)
	}
	content := cleanMail()
	reply, err := c.deliver(partner, []string{bob}, content)
	if err != nil {
		t.Fatal(err)
	}
	g.wantReply(reply, "250 2.0.0")
	block, ok := strings.CutSuffix(string(g.sink.Messages()[0].Content), content)
	want := " with ESMTPS tls " + tls.CipherSuiteName(secure.ConnectionState().CipherSuite) + "\r\n"
	if !ok || !strings.Contains(block, want) {
		t.Errorf("the block does not say %q:\n%s", want, block)
	}
}

// A pipelined group is answered in order, and the answers count.
func TestDuty_E6(t *testing.T) {
	g := newStage(t, script{})
	g.nextHopSays(func(verb, arg string) (string, bool) {
		return "550 5.1.1 unknown", verb == "RCPT" && strings.Contains(arg, "nobody")
	})
	c := g.dial()
	group := "MAIL FROM:<" + partner + ">\r\nRCPT TO:<nobody@example.com>\r\nRCPT TO:<" + bob + ">\r\nRCPT TO:<x@foreign.example>\r\nDATA\r\n"
	if _, err := c.conn.Write([]byte(group)); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"250 2.1.0", "550 5.1.1", "250 2.1.5", "550 5.7.1", "354"} {
		reply, err := c.reply()
		if err != nil {
			t.Fatal(err)
		}
		g.wantReply(reply, want)
	}
	reply, err := c.ask(stuffed(cleanMail()) + ".\r\nMAIL FROM:<" + partner + ">\r\nRCPT TO:<" + bob + ">\r\nRSET\r\nQUIT")
	if err != nil {
		t.Fatal(err)
	}
	g.wantReply(reply, "250 2.0.0")
	for _, want := range []string{"250 2.1.0", "250 2.1.5", "250 2.0.0", "221 2.0.0"} {
		reply, err := c.reply()
		if err != nil {
			t.Fatal(err)
		}
		g.wantReply(reply, want)
	}
	if !c.ended() || g.sink.Count() != 1 {
		t.Errorf("the session goes on, or %d messages are at the next hop, want 1", g.sink.Count())
	}
}

// A new certificate serves handshakes from then on; a broken file changes nothing.
func TestDuty_S2_Gateway(t *testing.T) {
	table, old := certificate(t)
	other, renewed := certificate(t)
	g := newStage(t, script{tail: table})
	handshake := func(trusted *x509.CertPool) error {
		c := g.dial()
		defer c.close()
		if _, err := c.ask("STARTTLS"); err != nil {
			t.Fatal(err)
		}
		return tls.Client(c.conn, &tls.Config{ServerName: "gate.example.com", RootCAs: trusted}).Handshake()
	}
	replace := func(key string, from string, text []byte) {
		t.Helper()
		if text == nil {
			var err error
			if text, err = os.ReadFile(fileOf(from, key)); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.WriteFile(fileOf(table, key), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	replace("cert_file", "", []byte("broken"))
	g.server.Reload()
	if err := handshake(old); err != nil {
		t.Errorf("after a broken file: %v", err)
	}
	replace("cert_file", other, nil)
	replace("key_file", other, nil)
	g.server.Reload()
	if err := handshake(renewed); err != nil {
		t.Errorf("after the renewal: %v", err)
	}
	if err := handshake(old); err == nil {
		t.Error("the old certificate is still in use")
	}
}

// fileOf returns the file that key names in a [tls] table.
func fileOf(table, key string) string {
	_, rest, _ := strings.Cut(table, key+" = \"")
	file, _, _ := strings.Cut(rest, "\"")
	return file
}
