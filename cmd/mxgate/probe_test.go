package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"mxgate/cmd/mxgate/internal/probe"
	"mxgate/gateway"
	"mxgate/gateway/config"
	"mxgate/gateway/resolve/dnstest"
	"mxgate/gateway/smtptest"
	"mxgate/policy/dns"
)

// probed is a configuration whose names lead to this machine.
func probed(t *testing.T, listener string) (file string) {
	t.Helper()
	resolver, err := dnstest.Serve("127.0.0.1:0", dns.MustSnapshot(t, `
		gate.example.com  A   127.0.0.1
		mail.example.com  A   127.0.0.1
		in.example.com    A   192.0.2.7
		1.0.0.127.in-addr.arpa  PTR  mail.example.com
		example.com       MX  10 in.example.com
	`))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { resolver.Close() })
	dir := t.TempDir()
	file = filepath.Join(dir, "mxgate.toml")
	text := fmt.Sprintf(`hostname = "gate.example.com"
data_dir = %q
[[listener]]
address = %q
[[source]]
name = "the-provider"
provider = "microsoft365"
ranges = ["192.0.2.0/24", "127.0.0.2"]
[[domain]]
name = "example.com"
next_hop = "mail.example.com:25"
[dns]
servers = [%q]
`, filepath.Join(dir, "data"), listener, resolver.Addr())
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// portOf is the port of HOST:PORT.
func portOf(addr string) string { return addr[strings.LastIndexByte(addr, ':')+1:] }

func TestProbeFindsOurOwnGatewayShut(t *testing.T) {
	file := probed(t, "127.0.0.1:0")
	cfg, err := config.Load(file)
	if err != nil {
		t.Fatal(err)
	}
	g, err := gateway.New(cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- g.Serve(ctx) }() // ends with stop
	defer func() {
		stop()
		if err := <-served; err != nil {
			t.Error(err)
		}
	}()
	code, out, errOut := mx(t, "probe", "-config", file, "-ports", portOf(g.Addrs()[0].String()), "-helo", "probe.example.net", "gate.example.com")
	if code != exitFine || errOut != "" {
		t.Errorf("%d, %s", code, errOut)
	}
	wantIn(t, out, "refused", "greeting: strangers are refused (554 gate.example.com No mail is accepted from your address)",
		"asked from the same machine", "asked from here as a stranger, without sending a message: 1 refused of 1 address")

	deadline := time.Now().Add(10 * time.Second) // it is counted once the connection is over
	for {
		rows, err := g.Store().Strangers(t.Context(), time.Now().Add(-time.Hour))
		if err != nil {
			t.Fatal(err)
		}
		if len(rows) == 1 && rows[0].Count == 1 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("the gateway did not record the attempt: %+v", rows)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func TestProbeFindsAnOpenServer(t *testing.T) {
	s, err := smtptest.Start("127.0.0.1:0", smtptest.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	file := probed(t, "127.0.0.1:0")
	port := portOf(s.Target())
	code, out, errOut := mx(t, "probe", "-config", file, "-ports", port, "mail.example.com", "gate.example.com", "in.example.com", "127.0.0.1")
	if code != exitFindings || errOut != "" {
		t.Errorf("%d, %s", code, errOut)
	}
	wantIn(t, out, "mail.example.com, gate.example.com, 127.0.0.1", "open", "rcpt postmaster@example.com: a recipient was accepted", "mxgate firewall",
		"192.0.2.7", "provider", `is an address of source "the-provider": not asked`, "1 open, 1 provider of 2 addresses")
	if n := s.Connections(); n != 1 {
		t.Errorf("%d connections to one address and port", n)
	}

	code, out, _ = mx(t, "probe", "-json", "-config", file, "-ports", port, "-rcpt", "bob@example.com", "-mail-from", "eve@example.org", "mail.example.com")
	var line map[string]any
	if err := json.Unmarshal([]byte(out), &line); err != nil || code != exitFindings {
		t.Fatalf("%d, %v: %s", code, err, out)
	}
	for _, name := range []string{"hosts", "address", "verdict", "from", "notes", "ports"} {
		if _, ok := line[name]; !ok {
			t.Errorf("%s is missing in %s", name, out)
		}
	}
	wantIn(t, strings.Join(s.Commands(), "\n"), "MAIL FROM:<eve@example.org>", "RCPT TO:<bob@example.com>", "RSET", "QUIT")
	if s.Count() > 0 {
		t.Error("a message was sent")
	}
}

func TestProbeAsksOnlyWhatTheConfigurationNames(t *testing.T) {
	file := probed(t, "127.0.0.1:0")
	for _, c := range []struct {
		name, args string
		code       int
		want       string
	}{
		{"a foreign host", "mail.example.org", exitCouldNot, `mxgate probe: "mail.example.org": not named by the configuration`},
		{"a foreign address", "198.51.100.7", exitCouldNot, `"198.51.100.7": not named by the configuration`},
		{"a name without an address", "none.example.com", exitCouldNot, "none.example.com"},
		{"a foreign recipient", "-rcpt bob@example.org mail.example.com", exitUsage, "expected a recipient in one of your domains"},
		{"a recipient beyond ASCII", "-rcpt bób@example.com mail.example.com", exitUsage, "expected an address of ASCII only"},
		{"no host", "", exitUsage, "expected HOST..."},
		{"a haste", "-pause 1ms mail.example.com", exitUsage, "-pause 1ms: expected at least 100ms"},
		{"no time at all", "-within 0s mail.example.com", exitUsage, "-within 0s: expected a time such as 30m"},
		{"a name that is none", "-helo a\x01b mail.example.com", exitUsage, "expected a host name"},
	} {
		t.Run(c.name, func(t *testing.T) {
			code, out, errOut := mx(t, append([]string{"probe", "-config", file}, strings.Fields(c.args)...)...)
			if code != c.code || out != "" || !strings.Contains(errOut, c.want) || strings.Count(errOut, "\n") != 1 {
				t.Errorf("%d, %q, %q, want %d and %q", code, out, errOut, c.code, c.want)
			}
		})
	}
	code, out, _ := mx(t, "probe", "-config", file, "in.example.com")
	if code != exitCouldNot || !strings.Contains(out, "not asked") {
		t.Errorf("nothing was asked, and that is %d: %s", code, out)
	}
}

func TestProbeOfAllSilentSaysWhatThatMayBe(t *testing.T) {
	file := probed(t, "127.0.0.1:0")
	code, out, errOut := mx(t, "probe", "-config", file, "-within", "1ns", "in.example.com", "mail.example.com")
	if code != exitCouldNot || out != "" || !strings.Contains(errOut, "deadline exceeded") {
		t.Errorf("%d, %q, %q", code, out, errOut)
	}
	var b strings.Builder
	silent := probe.Result{Hosts: []string{"mail.example.com"}, Address: netip.MustParseAddr("203.0.113.5"), Verdict: probe.Unknown}
	shut := silent
	shut.Verdict = probe.Closed
	if err := printProbe(&b, []probe.Result{silent, shut}); err != nil {
		t.Fatal(err)
	}
	wantIn(t, b.String(), "1 unknown, 1 closed of 2 addresses\nunknown: nothing was learned of these addresses; ask from another network\n"+
		"closed: a firewall on this side that lets only some hosts be reached looks the same; ask from another network as well\n")
}

func TestProbeExitCodes(t *testing.T) {
	for _, c := range []struct {
		verdicts []probe.Verdict
		faults   bool
		want     int
	}{
		{[]probe.Verdict{probe.Refused, probe.Closed}, false, exitFine},
		{[]probe.Verdict{probe.Closed, probe.Provider}, false, exitFine},
		{[]probe.Verdict{probe.Closed}, true, exitCouldNot},
		{[]probe.Verdict{probe.Closed, probe.Unknown}, false, exitCouldNot},
		{[]probe.Verdict{probe.Provider}, false, exitCouldNot},
		{[]probe.Verdict{probe.Unknown, probe.Open}, true, exitFindings},
		{[]probe.Verdict{probe.Refused, probe.Deferred}, false, exitFindings},
		{[]probe.Verdict{probe.Unclear}, false, exitFindings},
	} {
		var results []probe.Result
		for _, v := range c.verdicts {
			results = append(results, probe.Result{Verdict: v})
		}
		if got := probeCode(results, c.faults); got != c.want {
			t.Errorf("%v, %v: %d, want %d", c.verdicts, c.faults, got, c.want)
		}
	}
}

// What is true of an address hangs on none of its ports.
func TestProbeTellsOfAnAddressInARowOfItsOwn(t *testing.T) {
	r := probe.Result{Hosts: []string{"mail.example.com"}, Address: netip.MustParseAddr("203.0.113.5"), Verdict: probe.Closed, Notes: []string{"compared with x"},
		Ports: []probe.Answer{{Port: 25, Verdict: probe.Closed, Step: probe.Connect, Why: "refused"}}}
	var b strings.Builder
	if err := printProbe(&b, []probe.Result{r}); err != nil {
		t.Fatal(err)
	}
	wantIn(t, b.String(), "   25  closed\n    connect: refused\nmail.example.com  203.0.113.5    all  closed\n    compared with x\n")
}
