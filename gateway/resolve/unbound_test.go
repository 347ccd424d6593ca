//go:build interop

package resolve

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"mxgate/policy/dns"
)

// unbound starts a real recursive server that knows its local data only, with
// further lines of configuration, and returns where it listens.
func unbound(t *testing.T, lines ...string) netip.AddrPort {
	t.Helper()
	path, err := exec.LookPath("unbound")
	if err != nil {
		path = "/usr/sbin/unbound"
	}
	if _, err := os.Stat(path); err != nil {
		t.Skip("unbound is not installed")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().(*net.TCPAddr).AddrPort()
	l.Close()
	conf := fmt.Sprintf(`server:
	interface: 127.0.0.1@%d
	do-daemonize: no
	do-ip6: no
	username: ""
	chroot: ""
	directory: "%s"
	pidfile: ""
	logfile: ""
	use-syslog: no
	verbosity: 1
	module-config: "iterator"
	local-zone: "." static
	local-zone: "example.com." static
	local-zone: "2.0.192.in-addr.arpa." static
	local-data: 'example.com. 900 IN SOA ns.example.com. hostmaster.example.com. 1 7200 3600 86400 60'
`, addr.Port(), t.TempDir())
	for _, line := range lines {
		conf += "\t" + line + "\n"
	}
	file := filepath.Join(t.TempDir(), "unbound.conf")
	if err := os.WriteFile(file, []byte(conf+"remote-control:\n\tcontrol-enable: no\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	command := exec.CommandContext(t.Context(), path, "-d", "-c", file)
	output, err := command.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { command.Wait() }) // t.Context is over by then: killed
	said, log := bufio.NewScanner(output), ""
	for said.Scan() {
		if strings.Contains(said.Text(), "start of service") {
			return addr
		}
		log += said.Text() + "\n"
	}
	t.Fatalf("unbound did not start:\n%s", log)
	return addr
}

// data is a line of configuration that holds one record.
func data(record string) string { return "local-data: '" + record + "'" }

// stringsOf is zone text of a TXT record: strings of at most 255 octets.
func stringsOf(text string) string {
	var parts []string
	for ; len(text) > 255; text = text[255:] {
		parts = append(parts, `"`+text[:255]+`"`)
	}
	return strings.Join(append(parts, `"`+text+`"`), " ")
}

func TestUnboundIsUnderstood(t *testing.T) {
	big := strings.Repeat("0123456789", 400)
	server := unbound(t,
		data(`example.com. 300 IN TXT "v=spf1 " "-all"`),
		data(`example.com. 300 IN A 192.0.2.1`),
		data(`example.com. 300 IN AAAA 2001:db8::1`),
		data(`example.com. 300 IN MX 10 MAIL.example.com.`),
		data(`null.example.com. 300 IN MX 0 .`),
		data(`quoted.example.com. 300 IN TXT "a \"b\" \\ \200 c"`),
		data(`big.example.com. 300 IN TXT `+stringsOf(big)),
		data(`www.example.com. 300 IN CNAME example.com.`),
		data(`1.2.0.192.in-addr.arpa. 300 IN PTR mail.example.com.`),
	)
	c := newClock()
	r, err := New(Config{Servers: []netip.AddrPort{server}, Now: c.now})
	if err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	check := func(what, got, want string) {
		t.Helper()
		if got != want {
			t.Errorf("%s: got %.200s, want %.200s", what, got, want)
		}
	}
	check("TXT", outcome(r.TXT(ctx, "example.com")), `"[v=spf1 -all]"`)
	check("A", outcome(r.A(ctx, "EXAMPLE.com")), `"[192.0.2.1]"`)
	check("AAAA", outcome(r.AAAA(ctx, "example.com")), `"[2001:db8::1]"`)
	check("MX", outcome(r.MX(ctx, "example.com")), `"[{10 mail.example.com}]"`)
	check("null MX", outcome(r.MX(ctx, "null.example.com")), `"[{0 }]"`)
	check("PTR", outcome(r.PTR(ctx, netip.MustParseAddr("192.0.2.1"))), `"[mail.example.com]"`)
	check("quoted", outcome(r.TXT(ctx, "quoted.example.com")), fmt.Sprintf("%q", "[a \"b\" \\ \xc8 c]"))
	check("CNAME", outcome(r.A(ctx, "www.example.com")), `"[192.0.2.1]"`)
	check("NXDOMAIN", outcome(r.A(ctx, "nosuch.example.com")), class(dns.ErrNoSuchName))
	check("NODATA", outcome(r.AAAA(ctx, "big.example.com")), class(dns.ErrNoData))

	before := r.Stats()
	check("big", outcome(r.TXT(ctx, "big.example.com")), fmt.Sprintf("%q", "["+big+"]"))
	after := r.Stats()
	if after.TCPRetries != before.TCPRetries+1 {
		t.Errorf("big TXT: got %+v, want a retry over TCP", after)
	}

	// Both negative answers are kept for the 60 s of the SOA record.
	c.pass(59 * time.Second)
	r.A(ctx, "nosuch.example.com")
	r.AAAA(ctx, "big.example.com")
	if n := r.Stats().Questions; n != after.Questions {
		t.Errorf("%d questions for names known not to be there", n-after.Questions)
	}
	c.pass(time.Second)
	r.A(ctx, "nosuch.example.com")
	if n := r.Stats().Questions; n != after.Questions+1 {
		t.Errorf("%d questions after the time of the SOA record, want 1", n-after.Questions)
	}
}

func TestUnboundThatRefusesIsTemporary(t *testing.T) {
	refuses, answers := unbound(t, "access-control: 127.0.0.0/8 refuse"), unbound(t, data("example.com. 300 IN A 192.0.2.1"))
	r, err := New(Config{Servers: []netip.AddrPort{refuses}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.A(t.Context(), "example.com"); !errors.Is(err, dns.ErrTemporary) || !strings.Contains(err.Error(), "REFUSED") {
		t.Errorf("alone: got %v", err)
	}
	r, err = New(Config{Servers: []netip.AddrPort{refuses, answers}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.A(t.Context(), "example.com"); err != nil {
		t.Errorf("before one that answers: %v", err)
	}
}
