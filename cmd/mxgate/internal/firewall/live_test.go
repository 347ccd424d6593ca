package firewall

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"mxgate/policy/provider"
)

// The test binary is also what runs in the namespaces: insideEnv makes it the
// machine with the rules, dialsEnv the world outside.
const (
	insideEnv = "MXGATE_TEST_INSIDE"
	dialsEnv  = "MXGATE_TEST_DIALS"
)

func TestMain(m *testing.M) {
	if dials := os.Getenv(dialsEnv); dials != "" {
		dialAll(strings.Fields(dials))
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// dialPatience is how long a dial waits for an answer. Nobody listens: an answer
// is that the port is closed, and shows that the packet got past the rules.
const dialPatience = 1500 * time.Millisecond

// dialAll prints "PLAN reached" or "PLAN silence" for each PLAN of
// NETWORK,FROM,TO.
func dialAll(plans []string) {
	answers := make([]string, len(plans))
	var all sync.WaitGroup
	for i, plan := range plans {
		all.Go(func() { answers[i] = dial(plan) })
	}
	all.Wait()
	for i, plan := range plans {
		fmt.Println(plan, answers[i])
	}
}

func dial(plan string) string {
	parts := strings.Split(plan, ",")
	from := netip.AddrPortFrom(netip.MustParseAddr(parts[1]), 0)
	d := net.Dialer{Timeout: dialPatience, LocalAddr: net.TCPAddrFromAddrPort(from)}
	if parts[0] == "udp" {
		d.LocalAddr = net.UDPAddrFromAddrPort(from)
	}
	c, err := d.Dial(parts[0], parts[2])
	if err == nil { // only UDP: the answer comes to what is sent
		defer c.Close()
		if _, err = c.Write([]byte("hello")); err == nil {
			err = c.SetReadDeadline(time.Now().Add(dialPatience))
		}
		if err == nil {
			_, err = c.Read(make([]byte, 1))
		}
	}
	var netErr net.Error
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return "reached"
	case errors.As(err, &netErr) && netErr.Timeout():
		return "silence"
	}
	return fmt.Sprintf("%q", fmt.Sprint(err))
}

// Real packets, from a machine of its own to a machine of its own: two network
// namespaces. Nothing of the host is touched.
func TestLoadedRulesKeepStrangersOutAndNobodyElse(t *testing.T) {
	if os.Getenv(insideEnv) == "" {
		runInside(t)
		return
	}
	world := newWorld(t)
	sources := []provider.Source{
		source("current", "", "", "192.0.2.0/25", "2001:db8:25::/48"),
		source("leaving", "", "2037-12-31", "198.51.100.0/25", "2001:db8:26::/48"),
		source("left since", "", "2026-11-01", "198.51.100.128/25", "2001:db8:27::/48"), // admitted at the time of the file
	}
	l, err := Build(sources, Options{Now: day("2026-10-31"), Ports: []uint16{25, 465}})
	if err != nil {
		t.Fatal(err)
	}
	// What an earlier file admitted must be gone.
	earlier, err := Build([]provider.Source{
		source("left", "", "", "192.0.2.128/25", "2001:db8:66::/48"), source("left, with an end", "", "2036-12-31", "198.51.100.128/25"),
	}, Options{Now: now, Ports: []uint16{25, 2525}})
	if err != nil {
		t.Fatal(err)
	}
	fates := map[string]string{ // each network, from, to
		"tcp,192.0.2.10,10.99.0.1:25":               "reached",
		"tcp,192.0.2.10,10.99.0.1:465":              "reached",
		"tcp,192.0.2.200,10.99.0.1:25":              "silence",
		"tcp,192.0.2.200,10.99.0.1:465":             "silence",
		"tcp,192.0.2.200,10.99.0.1:2525":            "reached", // not our port
		"udp,192.0.2.200,10.99.0.1:25":              "reached", // not our protocol
		"tcp,198.51.100.10,10.99.0.1:25":            "reached",
		"tcp,198.51.100.200,10.99.0.1:25":           "silence", // its last day is over
		"tcp,2001:db8:25::10,[2001:db8:99::1]:25":   "reached",
		"tcp,2001:db8:26::10,[2001:db8:99::1]:25":   "reached",
		"tcp,2001:db8:27::10,[2001:db8:99::1]:25":   "silence",
		"tcp,2001:db8:66::10,[2001:db8:99::1]:25":   "silence",
		"tcp,2001:db8:66::10,[2001:db8:99::1]:2525": "reached",
	}
	for name, loader := range map[string]string{"nft": "nft -f", "iptables": "sh", "ipset": "sh"} {
		f, err := Lookup(name)
		if err != nil {
			t.Fatal(err)
		}
		file, back := filepath.Join(t.TempDir(), "rules"), filepath.Join(t.TempDir(), "back")
		for _, each := range []*List{earlier, l, l} { // the last: loading again gives the same state
			text, err := f.Write(each)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := Replace(file, back, nil, text, f.WriteUndo(each)); err != nil {
				t.Fatal(err)
			}
			shell(t, loader+" "+file)
		}
		rules := shell(t, "nft list ruleset")
		world.expect(t, name, fates)
		for _, own := range []string{"tcp,127.0.0.1,127.0.0.1:25", "tcp,10.99.0.1,10.99.0.1:25"} {
			if got := dial(own); got != "reached" {
				t.Errorf("%s: this machine itself, %s: %s", name, own, got)
			}
		}
		open := map[string]string{}
		for plan := range fates {
			open[plan] = "reached"
		}
		shell(t, loader+" "+back)
		world.expect(t, name+", taken back", open)
		if left := shell(t, "nft list ruleset; ipset list"); strings.Contains(strings.ToLower(left), "mxgate") {
			t.Errorf("%s left behind:\n%s", name, left)
		}
		if t.Failed() {
			t.Fatalf("the rules were\n%s", rules)
		}
	}
}

// Whoever makes the rules daily wants to see how often strangers were refused
// since last month, not since last night.
func TestLoadingAgainKeepsTheCounterAndNothingElse(t *testing.T) {
	if os.Getenv(insideEnv) == "" {
		runInside(t)
		return
	}
	f, err := Lookup("nft")
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "rules")
	loaded := func(text string) string {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		shell(t, "nft -f "+file)
		return shell(t, "nft list ruleset")
	}
	lists := []*List{
		example(t),
		build(t, source("one family", "", "", "198.51.100.0/25", "192.0.2.0/23")), // it overlaps with what was there
		build(t, source("only with an end", "", "2036-12-31", "198.51.100.0/24", "2001:db8::/32")),
		build(t, source("another end", "", "2037-12-31", "198.51.100.0/24")),
	}
	fresh := make([]string, len(lists))
	for i, l := range lists {
		fresh[i] = loaded(writeNft(f, l))
		if again := loaded(writeNft(f, l)); again != fresh[i] {
			t.Errorf("loaded again, list %d is\n%s, not\n%s", i, again, fresh[i])
		}
		loaded(f.WriteUndo(l))
	}
	const counted = "packets 7 bytes 420"
	loaded("table inet mxgate { counter refused { " + counted + "; }; }\n")
	for round := range 2 {
		for i, l := range lists {
			want := strings.Replace(fresh[i], "packets 0 bytes 0", counted, 1)
			if got := loaded(writeNft(f, l)); got != want || !strings.Contains(want, counted) {
				t.Errorf("round %d: behind another, list %d is\n%s, not\n%s", round, i, got, want)
			}
		}
	}
}

// runInside runs the test that calls it in a network namespace of its own.
func runInside(t *testing.T) {
	t.Helper()
	missing := ""
	for _, program := range []string{"unshare", "nsenter", "ip", "nft", "iptables", "ipset"} {
		if find(program) == "" {
			missing = program + " is not installed"
		}
	}
	if os.Geteuid() != 0 {
		missing = "only root may make network namespaces"
	} else if said, err := exec.Command("unshare", "-n", "true").CombinedOutput(); missing == "" && err != nil {
		missing = fmt.Sprintf("no network namespaces here: %v: %s", err, said)
	}
	if missing != "" {
		if os.Getenv("MXGATE_CI") != "" {
			t.Fatal(missing)
		}
		t.Skip(missing)
	}
	c := exec.CommandContext(t.Context(), "unshare", "-n", os.Args[0], "-test.run", "^"+t.Name()+"$", "-test.v")
	c.Env = append(os.Environ(), insideEnv+"=1", "PATH="+os.Getenv("PATH")+":/usr/sbin:/sbin")
	said, err := c.CombinedOutput()
	if err != nil || !strings.Contains(string(said), "--- PASS: "+t.Name()) {
		t.Errorf("%v\n%s", err, said)
	}
}

// world is the namespace outside, which has all addresses of the test but ours.
type world struct{ pid string }

func newWorld(t *testing.T) world {
	t.Helper()
	keeper := exec.Command("unshare", "-n", "sh", "-c", "echo there; exec cat") // until its standard input ends
	in, err := keeper.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := keeper.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := keeper.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close()
		_ = keeper.Wait()
	})
	if _, err := out.Read(make([]byte, 5)); err != nil { // from then on it is in its namespace
		t.Fatal(err)
	}
	w := world{strconv.Itoa(keeper.Process.Pid)}
	shell(t, `set -e
ip link set lo up
ip link add gate type veth peer name world netns `+w.pid+`
ip addr add 10.99.0.1/24 dev gate
ip addr add 2001:db8:99::1/64 dev gate nodad
ip link set gate up
for net in 192.0.2.0/24 198.51.100.0/24; do ip route add $net dev gate; done
ip -6 route add 2001:db8::/32 dev gate`)
	w.shell(t, `set -e
ip link set lo up
ip addr add 10.99.0.2/24 dev world
for addr in 192.0.2.10 192.0.2.200 198.51.100.10 198.51.100.200; do ip addr add $addr/32 dev world; done
ip addr add 2001:db8:99::2/64 dev world nodad
for net in 25 26 27 66; do ip addr add 2001:db8:$net::10/128 dev world nodad; done
ip link set world up`)
	return w
}

func shell(t *testing.T, script string) string {
	t.Helper()
	said, err := exec.CommandContext(t.Context(), "sh", "-c", script).CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", script, err, said)
	}
	return string(said)
}

func (w world) shell(t *testing.T, script string) {
	t.Helper()
	shell(t, "nsenter -t "+w.pid+" -n sh -c '"+script+"'")
}

// expect dials from outside.
func (w world) expect(t *testing.T, what string, fates map[string]string) {
	t.Helper()
	c := exec.CommandContext(t.Context(), "nsenter", "-t", w.pid, "-n", os.Args[0])
	var plans []string
	for plan := range fates {
		plans = append(plans, plan)
	}
	c.Env = append(os.Environ(), dialsEnv+"="+strings.Join(plans, " "))
	said, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	seen := 0
	for line := range strings.Lines(string(said)) {
		plan, fate, _ := strings.Cut(strings.TrimSpace(line), " ")
		seen++
		if fate != fates[plan] {
			t.Errorf("%s: %s: %s, want %s", what, plan, fate, fates[plan])
		}
	}
	if seen != len(fates) {
		t.Errorf("%s: %d of %d dials told\n%s", what, seen, len(fates), said)
	}
}
