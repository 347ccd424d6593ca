//go:build interop

// Package unboundtest starts a real unbound for tests: a recursive server that
// knows what it is told and asks nobody, and validates DNSSEC where it is given
// a zone signed with Sign.
package unboundtest

import (
	"bufio"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	mdns "github.com/miekg/dns"
)

// Server is lines of configuration for the server clause, one in each string.
type Server []string

// Start starts unbound with the given lines in its server clause and further
// clauses after it, and returns where it listens. It is killed when t ends. With
// MXGATE_CI set unbound must be installed; else t is skipped if it is not.
func Start(t *testing.T, server Server, clauses ...string) netip.AddrPort {
	t.Helper()
	path, err := exec.LookPath("unbound")
	if err != nil {
		path = "/usr/sbin/unbound"
	}
	if _, err := os.Stat(path); err != nil {
		if os.Getenv("MXGATE_CI") != "" {
			t.Fatal("unbound is not installed")
		}
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
	do-not-query-localhost: no
`, addr.Port(), t.TempDir())
	for _, line := range server {
		conf += "\t" + line + "\n"
	}
	conf += "remote-control:\n\tcontrol-enable: no\n" + strings.Join(clauses, "\n")
	file := filepath.Join(t.TempDir(), "unbound.conf")
	if err := os.WriteFile(file, []byte(conf), 0o600); err != nil {
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

// flush takes the indentation off zone text, where it would mean something.
func flush(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		b.WriteString(strings.TrimLeft(line, "\t "))
	}
	return b.String()
}

// AuthZone is a clause that makes unbound ask a zone file, and nobody else, for
// the names of the zone. It is the validator that gets the answers. The text may
// be indented: each record names its owner.
func AuthZone(t *testing.T, zone, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "zone")
	if err := os.WriteFile(file, []byte("$ORIGIN "+mdns.Fqdn(zone)+"\n$TTL 300\n"+flush(text)), 0o600); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("auth-zone:\n\tname: %q\n\tzonefile: %q\n\tfor-downstream: no\n\tfor-upstream: yes\n", zone, file)
}
