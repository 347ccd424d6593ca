package resolve

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"reflect"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"mxgate/gateway/resolve/dnstest"
	"mxgate/policy/dns"
)

const testZone = `
	example.com              TXT    "v=spf1 mx -all"
	example.com              TXT    "second record"
	example.com              A      192.0.2.1
	example.com              A      192.0.2.2
	example.com              AAAA   2001:db8::1
	example.com              MX     10 MX1.example.com
	example.com              MX     5 mx2.example.com
	null.example.com         MX     0 .
	_dmarc.example.com       TXT    "v=DMARC1; p=none"
	below.exists.example.com A      192.0.2.3
	odd.example.com          TXT    "quote \" backslash \\ tab \t high \xc3\xa9 \\065 end"
	split.example.com        TXT    "v=DKIM1; " "p=AAAA"
	empty.example.com        TXT    ""
	www.example.com          CNAME  example.com
	far.example.com          CNAME  www.example.com
	dangling.example.com     CNAME  nowhere.example.com
	nodata.example.com       CNAME  null.example.com
	broken.example.com       TXT    SERVFAIL
	toservfail.example.com   CNAME  broken.example.com
	a0.example.com           CNAME  a1.example.com
	a1.example.com           CNAME  a2.example.com
	a2.example.com           CNAME  a3.example.com
	a3.example.com           CNAME  a4.example.com
	a4.example.com           CNAME  a5.example.com
	a5.example.com           CNAME  a6.example.com
	a6.example.com           CNAME  a7.example.com
	a7.example.com           CNAME  a8.example.com
	a8.example.com           CNAME  example.com
	loop.example.com         CNAME  pool.example.com
	pool.example.com         CNAME  loop.example.com
	1.2.0.192.in-addr.arpa   PTR    Mail.Example.COM
	1.2.0.192.in-addr.arpa   PTR    other.example.com
	2.2.0.192.in-addr.arpa   CNAME  2.0/25.2.0.192.in-addr.arpa
	2.0/25.2.0.192.in-addr.arpa PTR classless.example.com
	1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa PTR six.example.com
	_25._tcp.example.com     TLSA   3 1 1 0123456789abcdef
	_25._tcp.example.com     TLSA   2 0 0 00
	_25._tcp.www.example.com CNAME  _25._tcp.example.com
	weird.example.com        CNAME  a/b.example.com
`

// serve starts a server for zone text.
func serve(t testing.TB, zone string) *dnstest.Server {
	t.Helper()
	s, err := dnstest.Serve("127.0.0.1:0", dns.MustSnapshot(t, zone))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// asking returns a resolver that asks these servers.
func asking(t testing.TB, c Config, servers ...*dnstest.Server) *Resolver {
	t.Helper()
	for _, s := range servers {
		c.Servers = append(c.Servers, s.Addr())
	}
	r, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// clock is a clock that is set by hand.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func newClock() *clock { return &clock{at: time.Date(2026, 12, 1, 12, 0, 0, 0, time.UTC)} }

func (c *clock) now() time.Time { c.mu.Lock(); defer c.mu.Unlock(); return c.at }

func (c *clock) pass(d time.Duration) { c.mu.Lock(); defer c.mu.Unlock(); c.at = c.at.Add(d) }

// class names the error class of err.
func class(err error) string {
	for _, c := range []error{dns.ErrNoSuchName, dns.ErrNoData, dns.ErrTemporary, dns.ErrPermanent} {
		if errors.Is(err, c) {
			return c.Error()
		}
	}
	return fmt.Sprint(err)
}

// outcome is an answer or an error class, to compare.
func outcome[T any](a dns.Answer[T], err error) string {
	if err != nil {
		return class(err)
	}
	return fmt.Sprintf("%q", fmt.Sprint(a.Records))
}

func TestAnswersOverUDPAreThoseOfTheSnapshot(t *testing.T) {
	zone := dns.MustSnapshot(t, testZone)
	r := asking(t, Config{}, serve(t, testZone))
	ctx := t.Context()
	for _, name := range []string{
		"example.com", "EXAMPLE.com", "null.example.com", "_dmarc.example.com", "exists.example.com",
		"odd.example.com", "split.example.com", "empty.example.com", "www.example.com", "far.example.com",
		"user@example.com", "a b.example.com", "a/b.example.com", `a\.example.com`, "a..example.com", "", "bücher.example",
		"dangling.example.com", "nodata.example.com", "broken.example.com", "toservfail.example.com",
		"a0.example.com", "a1.example.com", "loop.example.com", "nosuch.example.com", "nosuch.invalid",
		"_25._tcp.example.com", "_25._tcp.www.example.com", "weird.example.com",
	} {
		t.Run(name, func(t *testing.T) {
			for range 2 { // the second time from the cache
				same(t, "TXT")(outcome(r.TXT(ctx, name)))(outcome(zone.TXT(ctx, name)))
				same(t, "A")(outcome(r.A(ctx, name)))(outcome(zone.A(ctx, name)))
				same(t, "AAAA")(outcome(r.AAAA(ctx, name)))(outcome(zone.AAAA(ctx, name)))
				same(t, "MX")(outcome(r.MX(ctx, name)))(outcome(zone.MX(ctx, name)))
				same(t, "TLSA")(outcome(r.TLSA(ctx, name)))(outcome(zone.TLSA(ctx, name)))
				same(t, "CNAME")(outcome(r.CNAME(ctx, name)))(outcome(zone.CNAME(ctx, name)))
			}
		})
	}
	for _, addr := range []string{"192.0.2.1", "::ffff:192.0.2.1", "192.0.2.2", "192.0.2.3", "2001:db8::1"} {
		ip := netip.MustParseAddr(addr)
		same(t, addr)(outcome(r.PTR(ctx, ip)))(outcome(zone.PTR(ctx, ip)))
	}
}

// same compares what the resolver and the snapshot say.
func same(t *testing.T, what string) func(string) func(string) {
	t.Helper()
	return func(got string) func(string) {
		return func(want string) {
			t.Helper()
			if got != want {
				t.Errorf("%s: got %s, want %s", what, got, want)
			}
		}
	}
}

func TestTXTKeepsEveryOctet(t *testing.T) {
	r := asking(t, Config{}, serve(t, testZone))
	a, err := r.TXT(t.Context(), "odd.example.com")
	want := "quote \" backslash \\ tab \t high \xc3\xa9 \\065 end"
	if err != nil || a.Records[0] != want {
		t.Errorf("got %q, %v, want %q", a.Records, err, want)
	}
}

func TestReverseNamesThatAreNoHostNamesAreLeftOut(t *testing.T) {
	r := asking(t, Config{}, serve(t, `
		1.2.0.192.in-addr.arpa PTR mail\@example.com
		1.2.0.192.in-addr.arpa PTR a/b.example.com
		1.2.0.192.in-addr.arpa PTR <script>.example.com
		1.2.0.192.in-addr.arpa PTR mail.example.com
		2.2.0.192.in-addr.arpa PTR mail\032.example.com
	`))
	a, err := r.PTR(t.Context(), netip.MustParseAddr("192.0.2.1"))
	if err != nil || !reflect.DeepEqual(a.Records, []string{"mail.example.com"}) {
		t.Errorf("got %q, %v", a.Records, err)
	}
	if _, err := r.PTR(t.Context(), netip.MustParseAddr("192.0.2.2")); !errors.Is(err, dns.ErrNoData) {
		t.Errorf("got %v, want no data", err)
	}
	if _, err := r.PTR(t.Context(), netip.Addr{}); !errors.Is(err, dns.ErrPermanent) {
		t.Errorf("no address: got %v, want permanent", err)
	}
}

func TestM2_M3_NamesThatAreNotValidAreNeverAsked(t *testing.T) {
	server := serve(t, testZone)
	r := asking(t, Config{}, server)
	label := strings.Repeat("a", 63)
	for what, name := range map[string]string{
		"empty": "", "root": ".", "empty label": "a..example.com", "leading dot": ".example.com", "two trailing dots": "example.com..",
		"backslash": `a\.example.com`, "backslash and digits": `a\032b.example.com`, "quote": `a".example.com`,
		"NUL": "a\x00.example.com", "newline": "a\n.example.com", "U-label": "bücher.example", "DEL": "a\x7f.example.com",
		"label of 64": label + "a.example.com", "254 octets": strings.Repeat(label+".", 3) + strings.Repeat("a", 62),
		"megabyte": strings.Repeat("a.", 1<<19) + "com",
	} {
		if _, err := r.TXT(t.Context(), name); !errors.Is(err, dns.ErrPermanent) {
			t.Errorf("%s: got %v, want permanent", what, err)
		}
	}
	if n := server.Questions(); n != 0 {
		t.Errorf("%d questions reached the server", n)
	}
	longest := strings.Repeat(label+".", 3) + strings.Repeat("a", 61)
	for _, name := range []string{longest, "example.com.", "_a-.-b.example.com", "localhost"} {
		if _, err := r.A(t.Context(), name); errors.Is(err, dns.ErrPermanent) {
			t.Errorf("%q: %v", name, err)
		}
	}
}

func TestTimeOfQuestionsIsCounted(t *testing.T) {
	server, c := serve(t, testZone), newClock()
	server.Behave(dnstest.Behaviour{Before: func(string, string) { c.pass(2 * time.Second) }})
	r := asking(t, Config{Now: c.now}, server)
	for _, name := range []string{"example.com", "example.com", "nosuch.example.com"} {
		r.A(t.Context(), name)
	}
	if s := r.Stats(); s.Waited != 4*time.Second || s.Questions != 2 {
		t.Errorf("got %+v", s)
	}
}

func TestAliasThatLeavesTheAnswerIsAskedOn(t *testing.T) {
	server := serve(t, testZone)
	server.Behave(dnstest.Behaviour{Partial: true})
	r := asking(t, Config{}, server)
	for name, want := range map[string]string{
		"far.example.com":        `"[192.0.2.1 192.0.2.2]"`,
		"dangling.example.com":   class(dns.ErrNoSuchName),
		"nodata.example.com":     class(dns.ErrNoData),
		"a1.example.com":         `"[192.0.2.1 192.0.2.2]"`,
		"a0.example.com":         class(dns.ErrTemporary),
		"loop.example.com":       class(dns.ErrTemporary),
		"toservfail.example.com": class(dns.ErrNoData),
	} {
		if got := outcome(r.A(t.Context(), name)); got != want {
			t.Errorf("%s: got %s, want %s", name, got, want)
		}
	}
	if a, err := r.PTR(t.Context(), netip.MustParseAddr("192.0.2.2")); err != nil || a.Records[0] != "classless.example.com" {
		t.Errorf("classless reverse zone: got %q, %v", a.Records, err)
	}
	// Parts of chains are shared between look-ups.
	if n := server.Asked("example.com", "A"); n != 1 {
		t.Errorf("the end of two chains was asked for %d times, want once", n)
	}
}

func TestChainHasTheTimeOfOneQuestion(t *testing.T) {
	server, c := serve(t, testZone), newClock()
	server.Behave(dnstest.Behaviour{Partial: true, Before: func(string, string) { c.pass(3 * time.Second) }})
	r := asking(t, Config{Now: c.now}, server)
	if _, err := r.A(t.Context(), "a1.example.com"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want a time-out", err)
	}
	if n := server.Questions(); n != 2 {
		t.Errorf("%d questions of 3 s each within 5 s, want 2", n)
	}
}

// What SPF macros make of a local part is one label, whatever stands in it: the
// server must get these octets and no others, from the first question and as an
// alias.
func TestM2_PrintableNamesAreAskedAsTheyAre(t *testing.T) {
	zone := dns.MustSnapshot(t, "")
	names := []string{"user@example.com", "bounce+id=user(1);'x'.example.com", "!#$%&'*+/=?^_`{|}~-.example.com", "%.example.com", "a b.example.com"}
	for i, name := range names {
		zone.Add(name, "A", fmt.Sprintf("192.0.2.%d", i))
		zone.Add(fmt.Sprintf("to%d.example.com", i), "CNAME", strings.ReplaceAll(presented(name), `\ `, `\032`))
	}
	server, err := dnstest.Serve("127.0.0.1:0", zone)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	server.Behave(dnstest.Behaviour{Partial: true})
	r := asking(t, Config{}, server)
	for i, name := range names {
		want := fmt.Sprintf("%q", fmt.Sprintf("[192.0.2.%d]", i))
		same(t, name)(outcome(r.A(t.Context(), fmt.Sprintf("to%d.example.com", i))))(want)
		same(t, name)(outcome(r.A(t.Context(), strings.ToUpper(name))))(want) // from the cache
		if n := server.Asked(name, "A"); n != 1 {
			t.Errorf("%q: asked %d times", name, n)
		}
	}
}

func TestAnswersAreKeptForTheirTTL(t *testing.T) {
	for name, test := range map[string]struct {
		ask func(context.Context, *Resolver) error
		ttl time.Duration
	}{
		"positive": {func(ctx context.Context, r *Resolver) error { _, err := r.A(ctx, "www.example.com"); return err }, dnstest.TTL},
		"NXDOMAIN": {func(ctx context.Context, r *Resolver) error { _, err := r.A(ctx, "nosuch.example.com"); return err }, dnstest.NegativeTTL},
		"NODATA":   {func(ctx context.Context, r *Resolver) error { _, err := r.A(ctx, "null.example.com"); return err }, dnstest.NegativeTTL},
		"SERVFAIL": {func(ctx context.Context, r *Resolver) error { _, err := r.TXT(ctx, "broken.example.com"); return err }, failureTTL},
	} {
		t.Run(name, func(t *testing.T) {
			server, c := serve(t, testZone), newClock()
			r := asking(t, Config{Now: c.now}, server)
			first := test.ask(t.Context(), r)
			c.pass(test.ttl - 1)
			if again := test.ask(t.Context(), r); fmt.Sprint(again) != fmt.Sprint(first) || server.Questions() != 1 {
				t.Errorf("just before the TTL is over: %d questions, %v after %v", server.Questions(), again, first)
			}
			c.pass(1)
			if test.ask(t.Context(), r); server.Questions() != 2 {
				t.Errorf("when the TTL is over: %d questions, want 2", server.Questions())
			}
			failed := uint64(0)
			if errors.Is(first, dns.ErrTemporary) {
				failed = 2
			}
			if s := r.Stats(); s.CacheHits != 1 || s.Questions != 2 || s.Failures != failed || s.Entries != 1 || s.Octets == 0 {
				t.Errorf("got %+v", s)
			}
		})
	}
}

func TestCallersCannotChangeWhatIsKept(t *testing.T) {
	r := asking(t, Config{}, serve(t, testZone))
	a, _ := r.MX(t.Context(), "example.com")
	a.Records[0].Host = "changed.example.com"
	if a, _ = r.MX(t.Context(), "example.com"); a.Records[0].Host != "mx1.example.com" {
		t.Errorf("got %q", a.Records[0].Host)
	}
	tlsa, _ := r.TLSA(t.Context(), "_25._tcp.example.com")
	tlsa.Records[0].Data[0] = 0xff
	if tlsa, _ = r.TLSA(t.Context(), "_25._tcp.example.com"); tlsa.Records[0].Data[0] != 1 {
		t.Errorf("got %x", tlsa.Records[0].Data)
	}
}

// waitSpent returns when every question of the budget of ctx is spent: all
// callers are at, or past, the door of the flight.
func waitSpent(t *testing.T, ctx context.Context) {
	t.Helper()
	for ctx.Value(budgetKey{}).(*budget).left.Load() > 0 {
		if t.Context().Err() != nil {
			t.Fatal("test ended")
		}
		runtime.Gosched()
	}
}

func TestOneQuestionForAllWhoWait(t *testing.T) {
	const callers = 50
	server, land := serve(t, testZone), make(chan struct{})
	server.Behave(dnstest.Behaviour{Before: func(string, string) { <-land }})
	r := asking(t, Config{Timeout: time.Minute}, server)
	ctx := Budget(t.Context(), callers)
	var callersDone sync.WaitGroup
	for range callers {
		callersDone.Go(func() {
			if a, err := r.A(ctx, "example.com"); err != nil || len(a.Records) != 2 {
				t.Errorf("got %v, %v", a.Records, err)
			}
		})
	}
	waitSpent(t, ctx)
	close(land)
	callersDone.Wait()
	if n := server.Questions(); n != 1 {
		t.Errorf("%d questions, want 1", n)
	}
}

func TestCancelledLeaderFailsAloneAndAtOnce(t *testing.T) {
	server, asked, land := serve(t, testZone), make(chan struct{}), make(chan struct{})
	server.Behave(dnstest.Behaviour{Before: func(string, string) { close(asked); <-land }})
	r := asking(t, Config{Timeout: time.Minute}, server)
	leaderCtx, cancel := context.WithCancel(t.Context())
	leader, follower := make(chan error), make(chan error)
	go func() { _, err := r.A(leaderCtx, "example.com"); leader <- err }()
	<-asked
	followerCtx := Budget(t.Context(), 1)
	go func() { _, err := r.A(followerCtx, "example.com"); follower <- err }()
	waitSpent(t, followerCtx)

	cancel()
	// The server still holds its answer back: only the cancellation ends this.
	if err := <-leader; !errors.Is(err, context.Canceled) || !errors.Is(err, dns.ErrTemporary) {
		t.Errorf("leader: got %v, want cancelled and temporary", err)
	}
	close(land)
	if err := <-follower; err != nil {
		t.Errorf("follower: %v", err)
	}
	if n := server.Questions(); n != 1 {
		t.Errorf("%d questions, want 1", n)
	}
}

// Who may not wait any longer gets no answer, and keeps nobody else from his.
func TestWaitUntilEndsWaitingAndNotTheQuestion(t *testing.T) {
	server := serve(t, testZone)
	land := make(chan struct{})
	server.Behave(dnstest.Behaviour{Before: func(string, string) { <-land }})
	r := asking(t, Config{Timeout: time.Minute}, server)
	patient := make(chan error, 1)
	go func() { // ends with its answer
		_, err := r.MX(t.Context(), "example.com")
		patient <- err
	}()
	ctx := WaitUntil(t.Context(), time.Now().Add(20*time.Millisecond))
	// The server still holds its answer back: only the end of the wait ends this.
	if _, err := r.MX(ctx, "example.com"); !errors.Is(err, errNoWait) || !errors.Is(err, dns.ErrTemporary) {
		t.Error(err)
	}
	close(land)
	if err := <-patient; err != nil {
		t.Errorf("the other one: %v", err)
	}
	if _, err := r.MX(ctx, "example.com"); err != nil {
		t.Errorf("it is in the cache now: %v", err)
	}
}

func TestBudgetCountsQuestionsAndNotTheCache(t *testing.T) {
	server := serve(t, testZone)
	server.Behave(dnstest.Behaviour{Partial: true})
	r := asking(t, Config{}, server)
	ctx := Budget(t.Context(), 3)
	for range 5 {
		if _, err := r.A(ctx, "example.com"); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := r.TXT(ctx, "far.example.com"); !errors.Is(err, ErrBudget) || !errors.Is(err, dns.ErrTemporary) {
		t.Errorf("third link of a chain: got %v, want the budget spent", err)
	}
	if _, err := r.A(ctx, "example.com"); err != nil {
		t.Errorf("cached, budget spent: %v", err)
	}
	if _, err := r.MX(ctx, "example.com"); !errors.Is(err, ErrBudget) {
		t.Errorf("got %v, want the budget spent", err)
	}
	if n := server.Questions(); n != 3 {
		t.Errorf("%d questions, want 3", n)
	}
	if _, err := r.MX(Budget(ctx, 10), "example.com"); !errors.Is(err, ErrBudget) {
		t.Errorf("budget inside a spent budget: got %v", err)
	}
	if n := r.Stats().OverBudget; n != 3 {
		t.Errorf("%d look-ups counted as over budget, want 3", n)
	}
	if _, err := r.MX(t.Context(), "example.com"); err != nil {
		t.Errorf("without budget: %v", err)
	}
}

func TestPanicBecomesAnErrorOfTheQuestion(t *testing.T) {
	r := asking(t, Config{}, serve(t, testZone))
	r.servers = []*server{nil}
	if _, err := r.A(t.Context(), "example.com"); !errors.Is(err, dns.ErrTemporary) {
		t.Errorf("got %v, want temporary", err)
	}
}

func TestNewRefusesWhatCannotWork(t *testing.T) {
	good := netip.MustParseAddrPort("192.0.2.53:53")
	for what, c := range map[string]Config{
		"no server":         {},
		"zero server":       {Servers: []netip.AddrPort{{}}},
		"port 0":            {Servers: []netip.AddrPort{netip.AddrPortFrom(good.Addr(), 0)}},
		"negative time-out": {Servers: []netip.AddrPort{good}, Timeout: -1},
		"negative cache":    {Servers: []netip.AddrPort{good}, CacheEntries: -1},
	} {
		if _, err := New(c); err == nil {
			t.Errorf("%s: no error", what)
		}
	}
}

func BenchmarkCached(b *testing.B) {
	r := asking(b, Config{}, serve(b, testZone))
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := r.TXT(b.Context(), "example.com"); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkUncached(b *testing.B) {
	c := newClock()
	r := asking(b, Config{Now: c.now}, serve(b, testZone))
	b.ReportAllocs()
	for b.Loop() {
		c.pass(maxTTL)
		if _, err := r.TXT(b.Context(), "example.com"); err != nil {
			b.Fatal(err)
		}
	}
}
