//go:build interop

package probe

import (
	"context"
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

// postfixMain is a Postfix that takes mail for bob and postmaster at example.com
// from everybody, and delivers nothing.
const postfixMain = `compatibility_level = 3.6
myhostname = mail.example.com
queue_directory = %[1]s/spool
data_directory = %[1]s/data
maillog_file = %[1]s/log/mail.log
maillog_file_prefixes = %[1]s
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mydestination =
alias_maps =
relay_domains = example.com
relay_recipient_maps = inline:{ { bob@example.com = x } { postmaster@example.com = x } }
relay_transport = discard:
default_transport = discard:
smtpd_relay_restrictions = reject_unauth_destination
smtpd_peername_lookup = no
smtpd_tls_chain_files = %[1]s/etc/tls.pem
`

const postfixServices = `cleanup unix n - n - 0 cleanup
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

// services are the doors of one Postfix, each in a state that such doors are found in.
var services = []struct {
	name, options string
	port          uint16 // as asked: 465 begins with TLS
	recipient     string
	verdict       Verdict
	step          Step
	tls           bool
}{
	{"left open", "", 25, "postmaster@example.com", Open, RCPT, false},
	{"left open, TLS demanded", "-o smtpd_tls_security_level=encrypt", 25, "bob@example.com", Open, RCPT, true},
	{"left open, TLS at once", "-o smtpd_tls_wrappermode=yes", 465, "bob@example.com", Open, RCPT, true},
	{"open, but there is no such mailbox", "", 25, "nobody@example.com", Unclear, RCPT, false},
	{"its provider only", "-o smtpd_client_restrictions=permit_mynetworks,reject -o mynetworks=192.0.2.0/24", 25, "bob@example.com", Refused, RCPT, false},
	{"its provider only, told at the greeting", "-o smtpd_delay_reject=no -o smtpd_client_restrictions=permit_mynetworks,reject -o mynetworks=192.0.2.0/24", 25, "bob@example.com", Refused, Greeting, false},
	{"not for this domain", "", 25, "bob@example.org", Refused, RCPT, false},
	{"put off", "-o smtpd_client_restrictions=defer", 25, "bob@example.com", Deferred, RCPT, false},
	{"for clients with a certificate, TLS at once", "-o smtpd_tls_wrappermode=yes -o smtpd_tls_req_ccert=yes", 465, "bob@example.com", Refused, Greeting, true},
	{"only who has a reverse name", "-o smtpd_client_restrictions=reject_unknown_reverse_client_hostname -o unknown_client_reject_code=550", 25, "bob@example.com", Unclear, RCPT, false},
	{"only who has a real name", "-o smtpd_helo_restrictions=reject_non_fqdn_helo_hostname", 25, "bob@example.com", Unclear, RCPT, false},
}

func TestInteropPostfix(t *testing.T) {
	addrs := startPostfix(t)
	for i, s := range services {
		t.Run(s.name, func(t *testing.T) {
			hello := "probe.example.net"
			if strings.Contains(s.options, "helo") {
				hello = "probe"
			}
			recipient, err := mail.ParseMailbox(s.recipient)
			if err != nil {
				t.Fatal(err)
			}
			p := &Prober{
				Recipients: []mail.Address{recipient}, Hello: hello, Ports: []uint16{s.port},
				Source: func(netip.Addr) (string, bool) { return "", false },
				Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
					return new(net.Dialer).DialContext(ctx, network, addrs[i])
				},
				ConnectTimeout: 10 * time.Second, ReplyTimeout: 40 * time.Second, Pause: 10 * time.Millisecond,
			}
			a := p.Ask(t.Context(), at(origin))[0].Ports[0]
			t.Logf("%s at %s: %s (%s)", a.Verdict, a.Step, a.Why, a.Reply)
			if a.Verdict != s.verdict || a.Step != s.step || a.TLS != s.tls {
				t.Errorf("%+v, want %s at %s", a, s.verdict, s.step)
			}
		})
	}
}

// startPostfix returns the addresses of the services of one Postfix.
func startPostfix(t *testing.T) (addrs []string) {
	t.Helper()
	account, err := user.Lookup("postfix")
	program, err2 := exec.LookPath("postfix")
	if os.Getuid() != 0 || err != nil || err2 != nil {
		if os.Getenv("MXGATE_CI") == "1" {
			t.Fatal("Postfix is not installed, or we are not root (MXGATE_CI=1: may not be skipped)")
		}
		t.Skip("Postfix is not installed, or we are not root")
	}
	dir, err := os.MkdirTemp("/var/tmp", "mxgate-probe-") // Postfix must be able to enter it
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"etc", "spool", "data", "log"} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	uid, _ := strconv.Atoi(account.Uid)
	if err := os.Chown(filepath.Join(dir, "data"), uid, -1); err != nil {
		t.Fatal(err)
	}
	master := postfixServices
	for _, s := range services {
		l, err := net.Listen("tcp", "127.0.0.1:0") // Postfix cannot tell us a port
		if err != nil {
			t.Fatal(err)
		}
		addrs = append(addrs, l.Addr().String())
		master += fmt.Sprintf("%s inet n - n - - smtpd %s\n", l.Addr(), s.options)
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}
	for name, text := range map[string]string{"tls.pem": chain(t), "main.cf": fmt.Sprintf(postfixMain, dir), "master.cf": master} {
		if err := os.WriteFile(filepath.Join(dir, "etc", name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	conf := filepath.Join(dir, "etc")
	t.Cleanup(func() {
		if t.Failed() {
			text, _ := os.ReadFile(filepath.Join(dir, "log", "mail.log"))
			t.Logf("%s", text)
		}
		_ = exec.Command(program, "-c", conf, "abort").Run() // not running is fine
	})
	if out, err := exec.CommandContext(t.Context(), program, "-c", conf, "start").CombinedOutput(); err != nil {
		t.Fatalf("postfix start: %v\n%s", err, out)
	}
	return addrs
}

// chain is a certificate and its key as Postfix reads them.
func chain(t *testing.T) string {
	t.Helper()
	c := certificate(t).Certificates[0]
	key, err := x509.MarshalPKCS8PrivateKey(c.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key})) +
		string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Certificate[0]}))
}
