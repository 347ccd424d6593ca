package providers

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"mxgate/gateway/store"
	"mxgate/policy/dns"
	"mxgate/policy/mail"
	"mxgate/policy/provider"
	"mxgate/policy/provider/ranges"
)

func prefixes(texts ...string) []netip.Prefix {
	var list []netip.Prefix
	for _, s := range texts {
		list = append(list, netip.MustParsePrefix(s))
	}
	return list
}

func places(t *testing.T, texts ...string) []ranges.Place {
	t.Helper()
	var all []ranges.Place
	for _, text := range texts {
		p, err := ranges.ParsePlace(text)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
	return all
}

const zone = `
_a.provider.example TXT "v=spf1 ip4:192.0.2.0/24 -all"
_b.provider.example TXT "v=spf1 ip4:198.51.100.0/24 exists:%{i}.provider.example -all"
slow.provider.example TXT SERVFAIL
out.provider.example A 203.0.113.7
example.com  MX 20 mx2.provider.example
example.com  MX 10 example-com.mail.protection.outlook.com
example.com  TXT "v=spf1 include:spf-00123456.pphosted.com include:spf.protection.outlook.com ?include:_spf.google.com include:gone.example -all"
by-address.example MX 10 mx.own.example
mx.own.example A 40.92.1.2
plain.example MX 10 mx.plain.example
bare.example A 192.0.2.9
null.example MX 0 .
slow.example MX SERVFAIL
old.example  MX 10 mx.old.example
near.example MX 10 notprovider.example
`

func TestFetchTakesTheFirstKindThatAnswers(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "list.txt")
	if err := os.WriteFile(file, []byte("203.0.113.0/24\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	f := Fetcher{Resolver: dns.MustSnapshot(t, zone)}
	for _, c := range []struct {
		f    Fetcher
		at   []string
		want string
		err  error
	}{
		{f, []string{"spf:_a.provider.example", "spf:_b.provider.example", "hosts:out.provider.example"}, "[192.0.2.0/24 198.51.100.0/24] [spf:_a.provider.example spf:_b.provider.example]", nil},
		{f, []string{"https://provider.example/", "hosts:out.provider.example"}, "[203.0.113.7/32] [hosts:out.provider.example]", nil},
		{f, []string{"spf:_a.provider.example", "spf:slow.provider.example"}, "", dns.ErrTemporary}, // one of two is no list
		{f, []string{file, "spf:_a.provider.example"}, "[203.0.113.0/24] [" + file + "]", nil},
		{f, []string{filepath.Join(dir, "gone")}, "", os.ErrNotExist},
		{Fetcher{}, []string{"spf:_a.provider.example", "hosts:out.provider.example", "https://provider.example/"}, "", ErrOffline},
		{Fetcher{}, []string{"spf:_a.provider.example", file}, "[203.0.113.0/24] [" + file + "]", nil},
		{f, nil, "", ErrNoPlace},
	} {
		l, err := c.f.Fetch(t.Context(), places(t, c.at...))
		got := ""
		if err == nil {
			got = fmt.Sprint(l.Ranges, " ", l.From)
		}
		if got != c.want || !errors.Is(err, c.err) || (err == nil) != (c.err == nil) {
			t.Errorf("%v: %q, %v, want %q, %v", c.at, got, err, c.want, c.err)
		}
	}
}

func TestADocumentIsFetchedFromItsURL(t *testing.T) {
	guids := regexp.MustCompile(`^id=[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)
	var asked []string
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.URL.RawQuery)
		switch r.URL.Path {
		case "/list":
			fmt.Fprintln(w, "192.0.2.0/24")
		case "/endless":
			for range ranges.MaxDocumentOctets / 1000 * 2 {
				if _, err := w.Write([]byte(strings.Repeat("#", 1000))); err != nil {
					return
				}
			}
		case "/clear":
			http.Redirect(w, r, "http://192.0.2.1/", http.StatusFound)
		case "/loop":
			http.Redirect(w, r, "/loop", http.StatusFound)
		default:
			http.Error(w, "no", http.StatusNotFound)
		}
	}))
	defer server.Close()
	client := NewClient()
	client.Transport = server.Client().Transport
	f := Fetcher{Client: client}
	for path, want := range map[string]string{"/list?id=<random-guid>": "", "/endless": "octets", "/clear": "to https", "/loop": "at most 3 redirects", "/gone": "404"} {
		l, err := f.Fetch(t.Context(), []ranges.Place{{Kind: ranges.KindURL, Name: server.URL + path}})
		if want == "" && (err != nil || len(l.Ranges) != 1) || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v, %v", path, l.Ranges, err)
		}
	}
	if !slices.ContainsFunc(asked, guids.MatchString) {
		t.Errorf("asked with %q", asked)
	}
}

func TestTheStateFileIsWholeAndPrivate(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	state, err := LoadState(dir)
	if err != nil || len(state.Sources) != 0 {
		t.Fatalf("without a file: %+v, %v", state, err)
	}
	if _, err := state.Propose("ours", ranges.List{Ranges: prefixes("192.0.2.0/24")}, time.Now()); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := SaveState(dir, state); err != nil {
			t.Fatal(err)
		}
	}
	back, err := LoadState(dir)
	if err != nil || string(back.Text()) != string(state.Text()) {
		t.Errorf("read back: %v", err)
	}
	path := filepath.Join(dir, StateName)
	if info, err := os.Stat(path); err != nil || info.Mode() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	if files, err := os.ReadDir(dir); err != nil || len(files) != 1 {
		t.Errorf("left behind: %v, %v", files, err)
	}
	if err := os.WriteFile(path, []byte(`{"schema": 1`), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := LoadState(dir); !errors.Is(err, ranges.ErrBadState) || !strings.Contains(err.Error(), path) {
		t.Errorf("a file that was cut: %v", err)
	}
}

func TestRefreshProposesAndChangesNothing(t *testing.T) {
	f, state := Fetcher{Resolver: dns.MustSnapshot(t, zone)}, ranges.NewState()
	source := provider.Source{Name: "ours", Ranges: prefixes("192.0.2.0/24", "203.0.113.0/24"), Published: places(t, "spf:_b.provider.example", "spf:_a.provider.example")}
	slow := provider.Source{Name: "slow", Ranges: prefixes("192.0.2.0/24"), Published: places(t, "spf:slow.provider.example")}
	all := Refresh(t.Context(), f, state, []provider.Source{source, slow}, now)
	p := all[0]
	if p.Err != nil || fmt.Sprint(p.Added, p.Removed) != "[198.51.100.0/24] [203.0.113.0/24]" || p.Digest == "" || !p.Since.IsZero() || len(p.List.Unread) != 1 {
		t.Errorf("%+v", p)
	}
	if !errors.Is(all[1].Err, dns.ErrTemporary) || all[1].Digest != "" || len(state.Sources) != 1 {
		t.Errorf("trouble with DNS: %+v, %+v", all[1], state)
	}
	if state.Sources["ours"].Accepted != nil {
		t.Error("refresh has accepted a list")
	}
	if err := state.Accept("ours", p.Digest, "erika", source.Ranges, now, false); err != nil {
		t.Fatal(err)
	}
	if p = Refresh(t.Context(), f, state, []provider.Source{source}, now)[0]; p.Err != nil || p.Digest != "" || p.Added != nil || p.Removed != nil || p.Since.IsZero() {
		t.Errorf("a second time: %+v", p)
	}
}

func TestDetectNamesProviders(t *testing.T) {
	r := dns.MustSnapshot(t, zone)
	for domain, want := range map[mail.Domain]string{
		"example.com":        "[10 example-com.mail.protection.outlook.com microsoft365 name|20 mx2.provider.example  ] [0 spf-00123456.pphosted.com proofpoint spf record|0 _spf.google.com google spf record]",
		"by-address.example": "[10 mx.own.example microsoft365 address] []",
		"plain.example":      "[10 mx.plain.example  ] []",
		"bare.example":       "[0 bare.example  ] []",
		"null.example":       "[] []",
		"slow.example":       "dns: temporary failure",
		"gone.example":       "does not exist",
	} {
		d, err := Detect(t.Context(), r, domain)
		text := func(all []Found) string {
			var lines []string
			for _, f := range all {
				lines = append(lines, fmt.Sprint(f.Preference, " ", f.Host, " ", f.Provider, " ", f.How))
			}
			return "[" + strings.Join(lines, "|") + "]"
		}
		if got := text(d.MX) + " " + text(d.Traces); err == nil && got != want || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %s, %v, want %s", domain, got, err, want)
		}
	}
}

var now = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// counts is a journal that began some days ago.
type counts struct {
	days int // 0: it is empty
	of   map[string]Use
	err  error
}

func (c counts) SourceUses(context.Context, time.Time) (Uses, error) {
	u := Uses{Of: c.of}
	if c.days > 0 {
		u.Begin = now.AddDate(0, 0, -c.days)
	}
	return u, c.err
}

func used(daysAgo int, messages ...int64) Use {
	return Use{Last: now.AddDate(0, 0, -daysAgo), Messages: [4]int64(messages)}
}

func TestStatusFindsWhatIsNotRightAnyMore(t *testing.T) {
	in := func(days int) time.Time { return now.AddDate(0, 0, days).Truncate(24 * time.Hour) }
	current := provider.Source{Name: "ours", Ranges: prefixes("192.0.2.0/24"), ReceivedBy: []string{"provider.example"}}
	gone := provider.Source{Name: "ours", Ranges: prefixes("198.51.100.0/24"), ReceivedBy: []string{"left.example"}}
	steady := used(0, 10, 70, 300, 900)
	with := func(s provider.Source, change func(*provider.Source)) provider.Source {
		change(&s)
		return s
	}
	for _, c := range []struct {
		name    string
		source  provider.Source
		use     Use
		days    int
		domains string
		want    string // codes
		text    string // in the first
	}{
		{"all is well", current, steady, 200, "example.com", "", ""},
		{"in MX and silent", current, Use{}, 200, "example.com", "", ""},
		{"out of MX and steady: a provider behind another", gone, steady, 200, "example.com", "", ""},
		{"out of MX and silent", gone, used(40, 0, 0, 0, 5), 200, "example.com", "stale", "MX of no domain leads there, and the last message came on 2026-10-13"},
		{"out of MX and never used", gone, Use{}, 200, "example.com", "stale", "in the 200 days that are known no message came"},
		{"out of MX and silent for a while", gone, used(20, 0, 0, 10, 50), 200, "example.com", "", ""},
		{"out of MX and silent, the journal is young", gone, Use{}, 6, "example.com", "", ""},
		{"out of MX and silent, the journal is older", gone, Use{}, 7, "example.com", "stale", "7 days"},
		{"out of MX, the journal is empty", gone, Use{}, 0, "example.com", "", ""},
		{"out of MX and new", with(gone, func(s *provider.Source) { s.ValidFrom = in(-3) }), Use{}, 200, "example.com", "", ""},
		{"out of MX and suddenly used", gone, used(0, 3, 3, 3, 3), 200, "example.com", "stale", "of the 3 messages of the last 90 days 3 came in the last 7"},
		{"out of MX and used far more", gone, used(0, 9, 60, 60, 80), 200, "example.com", "stale", "suddenly"},
		{"out of MX and used a little more", gone, used(0, 5, 10, 40, 100), 200, "example.com", "", ""},
		{"out of MX and used, the journal is young", gone, used(0, 3, 3, 3, 3), 20, "example.com", "", ""},
		{"MX leads to a name that ends alike", current, Use{}, 200, "near.example", "stale", "MX of no domain leads there"},
		{"MX cannot be learned", gone, Use{}, 200, "slow.example", "", ""},
		{"a partner that is silent", with(gone, func(s *provider.Source) { s.Origin = provider.OriginPeer }), used(80, 0, 0, 0, 5), 200, "example.com", "", ""},
		{"a partner that is silent for long", with(gone, func(s *provider.Source) { s.Origin = provider.OriginPeer }), used(95, 0, 0, 0, 0), 200, "example.com", "stale", "It is admitted, but it is no provider that MX leads to, and the last message came on"},
		{"a partner that comes in a flood", with(gone, func(s *provider.Source) { s.Origin = provider.OriginPeer }), used(0, 3, 3, 3, 3), 200, "example.com", "", ""},

		{"in MX by its address", with(gone, func(s *provider.Source) { s.Ranges = prefixes("40.92.0.0/16") }), Use{}, 200, "by-address.example", "", ""},
		{"in MX by its provider", with(current, func(s *provider.Source) {
			s.ReceivedBy, s.Provider, s.Bind = nil, "microsoft365", []provider.Binding{{Kind: provider.BindListener}}
		}), Use{}, 200, "example.com", "", ""},
		{"shared and unbound", with(current, func(s *provider.Source) { s.Provider = "microsoft365" }), steady, 200, "example.com", "shared-and-unbound", "The ranges of Microsoft 365"},

		{"an end that is near", with(current, func(s *provider.Source) { s.ValidUntil = in(30) }), steady, 200, "old.example", "expiring", "Its last day is 2026-12-22: after it its mail is refused"},
		{"an end that is far", with(current, func(s *provider.Source) { s.ValidUntil = in(32) }), steady, 200, "example.com", "", ""},
		{"an end, and MX leads there", with(current, func(s *provider.Source) { s.ValidUntil = in(0) }), steady, 200, "example.com", "expiring", "MX of example.com still leads there"},
		{"over, and MX leads there", with(current, func(s *provider.Source) { s.ValidUntil = in(-1) }), steady, 200, "example.com", "expiring", "all that mail is refused"},
		{"over", with(gone, func(s *provider.Source) { s.ValidUntil = in(-1) }), Use{}, 200, "example.com", "", ""},
		{"to come", with(gone, func(s *provider.Source) { s.ValidFrom = in(1) }), Use{}, 200, "example.com", "", ""},
		{"to come, and MX leads there", with(current, func(s *provider.Source) { s.ValidFrom = in(1) }), Use{}, 200, "example.com", "early", "Its first day is 2026-11-23"},

		{"as published", with(current, func(s *provider.Source) { s.Published = places(t, "spf:_a.provider.example") }), steady, 200, "example.com", "", ""},
		{"ranges differ", with(current, func(s *provider.Source) { s.Published = places(t, "spf:_b.provider.example") }), steady, 200, "example.com", "missing-range extra-range",
			"In spf:_b.provider.example, and not in ranges: 198.51.100.0/24. Mail from there is refused; an SPF record names the hosts that send for customers: ask the provider which ones deliver to you; 1 terms there"},
		{"what is published cannot be learned", with(current, func(s *provider.Source) { s.Published = places(t, "spf:slow.provider.example") }), steady, 200, "example.com", "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			check := Checker{Fetcher: Fetcher{Resolver: dns.MustSnapshot(t, zone)}, Sources: []provider.Source{c.source}, Domains: []mail.Domain{mail.Domain(c.domains)}, State: ranges.NewState(), Now: now}
			if c.source.Origin == "" {
				check.Sources[0].Origin = provider.OriginTrace
			}
			all, err := check.Check(t.Context(), counts{days: c.days, of: map[string]Use{"ours": c.use}})
			if err != nil {
				t.Fatal(err)
			}
			var codes []string
			texts := ""
			for _, f := range all[0].Findings {
				codes, texts = append(codes, string(f.Code)), texts+f.Text+"\n"
			}
			if got := strings.Join(codes, " "); got != c.want {
				t.Errorf("found %q, want %q\n%s", got, c.want, texts)
			}
			if c.text == "suddenly" {
				c.text = "of the 80 messages of the last 90 days 60 came in the last 7"
			}
			if c.text != "" && !strings.Contains(texts, c.text) {
				t.Errorf("%q is not in\n%s", c.text, texts)
			}
		})
	}
}

func TestStatusFallsBackToWhatWasAccepted(t *testing.T) {
	state := ranges.NewState()
	source := provider.Source{Name: "ours", Origin: provider.OriginTrace, Ranges: prefixes("192.0.2.0/24"), ReceivedBy: []string{"provider.example"}, Published: places(t, "spf:slow.provider.example")}
	if _, err := state.Propose("ours", ranges.List{Ranges: prefixes("203.0.113.0/24")}, now); err != nil {
		t.Fatal(err)
	}
	check := Checker{Fetcher: Fetcher{Resolver: dns.MustSnapshot(t, zone)}, Sources: []provider.Source{source}, State: state, Now: now}
	if all, _ := check.Check(t.Context(), counts{}); all[0].Known() {
		t.Errorf("a list that nobody accepted counts: %+v", all[0])
	}
	if err := state.Accept("ours", state.Sources["ours"].Pending.Digest(), "erika", source.Ranges, now, false); err != nil {
		t.Fatal(err)
	}
	all, err := check.Check(t.Context(), counts{})
	if err != nil || len(all[0].Findings) != 2 || !strings.Contains(all[0].Findings[0].Text, "In the list accepted on 2026-11-22, and not in ranges: 203.0.113.0/24") {
		t.Errorf("%+v, %v", all, err)
	}
	if all[0].PublishedErr == nil {
		t.Error("that nothing could be fetched is not told")
	}
	if _, err := check.Check(t.Context(), counts{err: errors.New("disk")}); err == nil {
		t.Error("trouble of the journal is not told")
	}
}

func TestThePictureOverTimeHasAFewBars(t *testing.T) {
	set, err := provider.NewSet([]provider.Source{{Name: "ours", Ranges: prefixes("192.0.2.0/24")}})
	if err != nil {
		t.Fatal(err)
	}
	for span, want := range map[time.Duration]string{
		60 * time.Hour: "1h0m0s 61", 61 * time.Hour: "24h0m0s 4", 60 * 24 * time.Hour: "24h0m0s 61", 61 * 24 * time.Hour: "168h0m0s 9",
	} {
		last := store.StrangerRow{Hour: now.Add(-time.Hour), Count: 2}
		first := store.StrangerRow{Hour: now.Add(-span), Count: 3, Helo: "new"}
		a := NewAttempts([]store.StrangerRow{last, first}, set, now.Add(-span), now)
		sum := int64(0)
		for _, b := range a.Picture {
			sum += b.Count
		}
		if got := fmt.Sprint(a.Unit, " ", len(a.Picture)); got != want || sum != 5 || a.Count != 5 {
			t.Errorf("%s: %s bars with %d of %d, want %s", span, got, sum, a.Count, want)
		}
		if s := a.Strangers[0]; len(a.Strangers) != 1 || s.Helo != "new" || s.Hours != 2 || !s.First.Equal(first.Hour) || !s.Last.Equal(last.Hour) || s.Source != "" {
			t.Errorf("%s: %+v", span, s)
		}
	}
}
