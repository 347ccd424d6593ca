//go:build interop

package resolve

import (
	"errors"
	"fmt"
	"net/netip"
	"testing"
	"time"

	mdns "github.com/miekg/dns"

	"mxgate/gateway/resolve/dnstest"
	"mxgate/gateway/resolve/unboundtest"
	"mxgate/policy/dns"
)

// forwarding starts an unbound that asks upstream for everything.
func forwarding(t *testing.T, upstream *dnstest.Server) netip.AddrPort {
	t.Helper()
	return unboundtest.Start(t, unboundtest.Server{`module-config: "iterator"`},
		fmt.Sprintf("forward-zone:\n\tname: .\n\tforward-addr: 127.0.0.1@%d\n", upstream.Addr().Port()))
}

func TestUnboundGetsPrintableNamesAsTheyAre(t *testing.T) {
	server := unbound(t,
		data(`user\@x.example.com. 300 IN A 192.0.2.1`),
		data(`a\032b.example.com. 300 IN A 192.0.2.2`),
		data(`b+1=c/d.example.com. 300 IN A 192.0.2.3`),
	)
	r, err := New(Config{Servers: []netip.AddrPort{server}})
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"user@x.example.com": `"[192.0.2.1]"`, "a b.example.com": `"[192.0.2.2]"`, "b+1=c/d.example.com": `"[192.0.2.3]"`,
	} {
		same(t, name)(outcome(r.A(t.Context(), name)))(want)
	}
}

// Whatever unbound lets through of what a lying upstream slips in, we do not
// answer another question with it.
func TestUnboundBehindALiarIsNotPoisoned(t *testing.T) {
	upstream := serve(t, "mine.example A 192.0.2.1\nvictim.example A 192.0.2.9")
	poison := zoneRecords(t, "victim.example 3600 IN A 192.0.2.66")
	upstream.Behave(dnstest.Behaviour{Change: func(m *mdns.Msg) {
		if canonical(m.Question[0].Name) != "victim.example" {
			m.Answer, m.Ns, m.Extra = append(m.Answer, poison...), append(m.Ns, poison...), append(m.Extra, poison...)
		}
	}})
	r, err := New(Config{Servers: []netip.AddrPort{forwarding(t, upstream)}})
	if err != nil {
		t.Fatal(err)
	}
	same(t, "mine")(outcome(r.A(t.Context(), "mine.example")))(`"[192.0.2.1]"`)
	same(t, "none")(outcome(r.A(t.Context(), "nosuch.example")))(class(dns.ErrNoSuchName))
	same(t, "victim")(outcome(r.A(t.Context(), "victim.example")))(`"[192.0.2.9]"`)
}

func TestUnboundThatWaitsForOthersIsPassedOver(t *testing.T) {
	silent, c := serve(t, testZone), newClock()
	silent.Behave(dnstest.Behaviour{Drop: true})
	slow, good := forwarding(t, silent), forwarding(t, serve(t, testZone))
	r, err := New(Config{Servers: []netip.AddrPort{slow, good}, Timeout: time.Second, Now: c.now})
	if err != nil {
		t.Fatal(err)
	}
	same(t, "first")(outcome(r.A(t.Context(), "below.exists.example.com")))(`"[192.0.2.3]"`)
	same(t, "second")(outcome(r.AAAA(t.Context(), "example.com")))(`"[2001:db8::1]"`)
	if s := r.Stats(); s.Timeouts != 1 || !s.FailingSince.IsZero() {
		t.Errorf("got %+v, want one time-out and then the bench", s)
	}
	lone, err := New(Config{Servers: []netip.AddrPort{slow}, Timeout: 300 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := lone.MX(t.Context(), "example.com"); !errors.Is(err, dns.ErrTemporary) || !dns.NetError(err).IsTimeout || lone.Stats().FailingSince.IsZero() {
		t.Errorf("alone: got %v, %+v", err, lone.Stats())
	}
}

func TestUnboundThatIsKilledLeavesWhatIsRemembered(t *testing.T) {
	var r *Resolver
	t.Run("alive", func(t *testing.T) {
		var err error
		if r, err = New(Config{Servers: []netip.AddrPort{unbound(t, data(`example.com. 300 IN A 192.0.2.1`))}}); err != nil {
			t.Fatal(err)
		}
		same(t, "A")(outcome(r.A(t.Context(), "example.com")))(`"[192.0.2.1]"`)
	})
	if r == nil {
		t.Skip("unbound did not start")
	}
	same(t, "remembered")(outcome(r.A(t.Context(), "example.com")))(`"[192.0.2.1]"`)
	same(t, "new")(outcome(r.TXT(t.Context(), "example.com")))(class(dns.ErrTemporary))
	if r.Stats().FailingSince.IsZero() {
		t.Error("not failing, though nobody answers")
	}
}
