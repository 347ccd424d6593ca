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
	"sync"
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
empty.example TXT "v=spf1 -all"
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

// propose makes a change that proposes one range for a source.
func propose(source, text string) func(*ranges.State) error {
	return func(state *ranges.State) error {
		_, err := state.Propose(source, ranges.List{Ranges: prefixes(text)}, nil, now)
		return err
	}
}

func TestTheStateFileIsWholeAndPrivate(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	state, err := LoadState(dir)
	if err != nil || len(state.Sources) != 0 {
		t.Fatalf("without a file: %+v, %v", state, err)
	}
	for _, text := range []string{"192.0.2.0/24", "198.51.100.0/24"} {
		if err := Update(dir, propose("ours", text)); err != nil {
			t.Fatal(err)
		}
	}
	state, err = LoadState(dir)
	if err != nil || state.Sources["ours"].Pending.Ranges[0] != prefixes("198.51.100.0/24")[0] {
		t.Errorf("read back: %+v, %v", state, err)
	}
	path := filepath.Join(dir, StateName)
	if info, err := os.Stat(path); err != nil || info.Mode() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	want := string(state.Text())
	refused := errors.New("refused")
	if err := Update(dir, func(s *ranges.State) error { return errors.Join(propose("b", "192.0.2.0/24")(s), refused) }); !errors.Is(err, refused) {
		t.Errorf("a change that failed: %v", err)
	}
	tooMany := func(s *ranges.State) error {
		for i := range 1001 {
			if err := propose(fmt.Sprint(i), "192.0.2.0/24")(s); err != nil {
				return err
			}
		}
		return nil
	}
	if err := Update(dir, tooMany); !errors.Is(err, ranges.ErrBadState) {
		t.Errorf("a state that cannot be read back: %v", err)
	}
	if text, err := os.ReadFile(path); err != nil || string(text) != want {
		t.Errorf("the file was changed: %v\n%s", err, text)
	}
}

func TestADamagedStateFileIsLeftAsItIs(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, StateName)
	const cut = `{"schema": 1`
	if err := os.WriteFile(path, []byte(cut), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := LoadState(dir)
	for _, err := range []error{err, Update(dir, propose("ours", "192.0.2.0/24"))} {
		if !errors.Is(err, ranges.ErrBadState) || !strings.Contains(err.Error(), path) {
			t.Errorf("a file that was cut: %v", err)
		}
	}
	if text, err := os.ReadFile(path); err != nil || string(text) != cut {
		t.Errorf("overwritten: %q, %v", text, err)
	}
}

func TestAKillWhileTheStateIsWrittenLeavesTheOldOneAndNoRest(t *testing.T) {
	dir := t.TempDir()
	if err := Update(dir, propose("ours", "192.0.2.0/24")); err != nil {
		t.Fatal(err)
	}
	// What is left when a process is killed before the rename.
	if err := os.WriteFile(filepath.Join(dir, newName), []byte(`{"schema": 1, "sources": {"ou`+strings.Repeat("x", 5000)), 0o600); err != nil {
		t.Fatal(err)
	}
	if state, err := LoadState(dir); err != nil || state.Sources["ours"].Pending == nil {
		t.Errorf("%+v, %v", state, err)
	}
	for range 3 {
		if err := Update(dir, propose("other", "192.0.2.0/24")); err != nil {
			t.Fatal(err)
		}
	}
	if state, err := LoadState(dir); err != nil || len(state.Sources) != 2 {
		t.Errorf("%+v, %v", state, err)
	}
	files, err := os.ReadDir(dir)
	if err != nil || len(files) != 2 { // the state and the lock
		t.Errorf("left behind: %v, %v", files, err)
	}
}

func TestCommandsAtTheSameTimeLoseNothing(t *testing.T) {
	dir := t.TempDir()
	var group sync.WaitGroup
	for i := range 20 {
		group.Go(func() {
			if err := Update(dir, propose(fmt.Sprint(i), "192.0.2.0/24")); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if state, err := LoadState(dir); err != nil || len(state.Sources) != 20 {
		t.Errorf("%d of 20 are kept: %v", len(state.Sources), err)
	}
}

func TestRefreshProposesAndChangesNothing(t *testing.T) {
	f, dir := Fetcher{Resolver: dns.MustSnapshot(t, zone)}, t.TempDir()
	source := provider.Source{Name: "ours", Ranges: prefixes("192.0.2.0/24", "203.0.113.0/24"), Published: places(t, "spf:_b.provider.example", "spf:_a.provider.example")}
	slow := provider.Source{Name: "slow", Ranges: prefixes("192.0.2.0/24"), Published: places(t, "spf:slow.provider.example")}
	same := provider.Source{Name: "same", Ranges: prefixes("192.0.2.0/25", "192.0.2.128/25"), Published: places(t, "spf:_a.provider.example")}
	refresh := func(sources ...provider.Source) []Proposal {
		t.Helper()
		all, err := Refresh(t.Context(), f, dir, sources, now)
		if err != nil {
			t.Fatal(err)
		}
		return all
	}
	all := refresh(source, slow, same)
	p := all[0]
	if p.Err != nil || fmt.Sprint(p.Added, p.Removed) != "[198.51.100.0/24] [203.0.113.0/24]" || p.Digest == "" || !p.Since.IsZero() || len(p.List.Unread) != 1 {
		t.Errorf("%+v", p)
	}
	if !errors.Is(all[1].Err, dns.ErrTemporary) || all[1].Digest != "" {
		t.Errorf("trouble with DNS: %+v", all[1])
	}
	if all[2].Err != nil || all[2].Digest != "" {
		t.Errorf("nothing new: %+v", all[2])
	}
	state, err := LoadState(dir)
	if err != nil || state.Sources["ours"].Accepted != nil || state.Sources["slow"].Pending != nil {
		t.Errorf("%+v, %v", state, err)
	}
	if err := Update(dir, func(s *ranges.State) error { return s.Accept("ours", p.Digest, "erika", source.Ranges, now, false) }); err != nil {
		t.Fatal(err)
	}
	if p = refresh(source)[0]; p.Err != nil || p.Digest != "" || p.Added != nil || p.Removed != nil || p.Since.IsZero() {
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
		"empty.example":      "[] []", // neither MX nor address
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

// used has its last message some days ago, and the last one that is older than 7
// days some days before now; 0: there is none.
func used(last, before int, messages ...int64) Use {
	u := Use{Last: now.AddDate(0, 0, -last), Messages: [4]int64(messages)}
	if before > 0 {
		u.Before = now.AddDate(0, 0, -before)
	}
	return u
}

func TestStatusFindsWhatIsNotRightAnyMore(t *testing.T) {
	in := func(days int) time.Time { return now.AddDate(0, 0, days).Truncate(24 * time.Hour) }
	current := provider.Source{Name: "ours", Ranges: prefixes("192.0.2.0/24"), ReceivedBy: []string{"provider.example"}}
	gone := provider.Source{Name: "ours", Ranges: prefixes("198.51.100.0/24"), ReceivedBy: []string{"left.example"}}
	steady := used(0, 8, 10, 70, 300, 900)
	with := func(s provider.Source, change func(*provider.Source)) provider.Source {
		change(&s)
		return s
	}
	partner := func(s *provider.Source) { s.Origin = provider.OriginPeer }
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
		{"out of MX and steady", gone, steady, 200, "example.com", "stale", "It is admitted, but MX of no domain leads there, and it is still used: 70 messages came in the last 7 days, the last on 2026-11-22. Look at them with `mxgate journal -source ours`; if they need not come that way, give it an end (valid_until), or remove it. MX leads to example-com.mail.protection.outlook.com, mx2.provider.example, in no source that is admitted: if mail is handed on from there to this one, all is well\n"},
		{"out of MX and silent", gone, used(40, 40, 0, 0, 0, 5), 200, "example.com", "stale", "MX of no domain leads there, and the last message came on 2026-10-13, 40 days ago. Give it an end (valid_until), or remove it"},
		{"out of MX and never used", gone, Use{}, 200, "example.com", "stale", "in the 200 days that are known no message came"},
		{"out of MX and silent for a while", gone, used(20, 20, 0, 0, 10, 50), 200, "example.com", "stale", "the last message came on 2026-11-02, 20 days ago"},
		{"out of MX and silent, the journal is young", gone, Use{}, 6, "example.com", "", ""},
		{"out of MX and silent, the journal is older", gone, Use{}, 7, "example.com", "stale", "7 days"},
		{"out of MX, the journal is empty", gone, Use{}, 0, "example.com", "", ""},
		{"out of MX and new", with(gone, func(s *provider.Source) { s.ValidFrom = in(-3) }), used(0, 0, 3, 3, 3, 3), 200, "example.com", "", ""},
		{"out of MX and not so new", with(gone, func(s *provider.Source) { s.ValidFrom = in(-20) }), used(0, 0, 3, 3, 3, 3), 200, "example.com", "stale", "it is used now: 3 messages came in the last 7 days, none in the 13 days before"},
		{"out of MX and used for the first time", gone, used(0, 0, 3, 3, 3, 3), 200, "example.com", "stale", "it is used now: 3 messages came in the last 7 days, none in the 193 days before"},
		{"busy long ago, left, and used again", gone, used(0, 31, 1, 1, 1, 900), 200, "example.com", "stale", "it is used again: 1 message came in the last 7 days, after 24 days or more without one"},
		{"busy lately, left, and used again", gone, used(0, 14, 9, 9, 309, 900), 200, "example.com", "stale", "it is used again: 9 messages came in the last 7 days, after 7 days or more without one"},
		{"busy beyond 90 days, left, and used again", gone, used(0, 100, 9, 9, 9, 9), 200, "example.com", "stale", "after 93 days or more without one"},
		{"out of MX and used far more", gone, used(0, 8, 9, 60, 60, 80), 200, "example.com", "stale", "it is suddenly used far more: 60 messages came in the last 7 days, 20 in the 83 days before"},
		{"out of MX and used a little more", gone, used(0, 8, 5, 10, 40, 100), 200, "example.com", "stale", "it is still used: 10 messages came"},
		{"out of MX and used, the journal is young", gone, used(0, 0, 3, 3, 3, 3), 3, "example.com", "stale", "it is still used: 3 messages came"},
		{"MX leads to a name that ends alike", current, Use{}, 200, "near.example", "stale", "MX of no domain leads there"},
		{"MX cannot be learned", gone, used(0, 31, 1, 1, 1, 900), 200, "slow.example", "", ""},
		{"a domain that is not in DNS leads nowhere", gone, Use{}, 200, "internal.example", "stale", "no message came. Give it an end (valid_until), or remove it\n"},
		{"a partner that is silent", with(gone, partner), used(80, 80, 0, 0, 0, 5), 200, "example.com", "", ""},
		{"a partner that is silent for long", with(gone, partner), used(95, 95, 0, 0, 0, 0), 200, "example.com", "stale", "It is admitted, but it is no provider that MX leads to, and the last message came on 2026-08-19, 95 days ago. Give"},
		{"a partner that never came", with(gone, partner), Use{}, 30, "example.com", "stale", "in the 30 days that are known no message came"},
		{"a partner that comes in a flood", with(gone, partner), used(0, 8, 60, 60, 60, 63), 200, "example.com", "", ""},
		{"a partner that comes every two months", with(gone, partner), used(0, 60, 1, 1, 1, 2), 200, "slow.example", "", ""},
		{"a partner that was silent for long and comes again", with(gone, partner), used(0, 97, 1, 1, 1, 1), 200, "slow.example", "stale", "it is used again: 1 message came in the last 7 days, after 90 days or more without one"},

		{"in MX by its address", with(gone, func(s *provider.Source) { s.Ranges = prefixes("40.92.0.0/16") }), Use{}, 200, "by-address.example", "", ""},
		{"in MX by its provider", with(current, func(s *provider.Source) {
			s.ReceivedBy, s.Provider, s.Bind = nil, "microsoft365", []provider.Binding{{Kind: provider.BindListener}}
		}), Use{}, 200, "example.com", "", ""},
		{"shared and unbound", with(current, func(s *provider.Source) { s.Provider = "microsoft365" }), steady, 200, "example.com", "shared-and-unbound", "Online Protection are those of all its customers, and nothing tells our tenant from theirs: bind source \"ours\" to the tenant, by two keys if one is bind_header, since its secret comes back"},

		{"an end that is near", with(current, func(s *provider.Source) { s.ValidUntil = in(30) }), steady, 200, "old.example", "expiring", "Its last day is 2026-12-22: after it its mail is refused, and 70 messages came in the last 7 days\n"},
		{"an end that is near, and silence", with(gone, func(s *provider.Source) { s.ValidUntil = in(30) }), used(9, 9, 0, 0, 1, 1), 200, "example.com", "expiring", "after it its mail is refused\n"},
		{"an end that is near, and used again", with(gone, func(s *provider.Source) { s.ValidUntil = in(30) }), used(0, 31, 1, 1, 1, 9), 200, "example.com", "expiring stale", "if they need not come that way, let it end before 2026-12-22, or remove it"},
		{"an end that is far, and silence", with(gone, func(s *provider.Source) { s.ValidUntil = in(50) }), used(9, 9, 0, 0, 1, 1), 200, "example.com", "stale", "9 days ago. Let it end before 2027-01-11, or remove it"},
		{"an end that is far", with(current, func(s *provider.Source) { s.ValidUntil = in(32) }), steady, 200, "example.com", "", ""},
		{"an end, and MX leads there", with(current, func(s *provider.Source) { s.ValidUntil = in(0) }), steady, 200, "example.com", "expiring", "MX of example.com still leads there"},
		{"over, and MX leads there", with(current, func(s *provider.Source) { s.ValidUntil = in(-1) }), steady, 200, "example.com", "expiring", "all that mail is refused"},
		{"over", with(gone, func(s *provider.Source) { s.ValidUntil = in(-1) }), Use{}, 200, "example.com", "", ""},
		{"to come", with(gone, func(s *provider.Source) { s.ValidFrom = in(1) }), Use{}, 200, "example.com", "", ""},
		{"to come, and MX leads there", with(current, func(s *provider.Source) { s.ValidFrom = in(1) }), Use{}, 200, "example.com", "early", "Its first day is 2026-11-23"},

		{"as published", with(current, func(s *provider.Source) { s.Published = places(t, "spf:_a.provider.example") }), steady, 200, "example.com", "", ""},
		{"ranges differ", with(current, func(s *provider.Source) { s.Published = places(t, "spf:_b.provider.example") }), steady, 200, "example.com", "missing-range extra-range",
			"In spf:_b.provider.example, and not in ranges: 198.51.100.0/24. Mail from there is refused; an SPF record names the hosts that send for customers: ask the provider which ones deliver to you; a term there"},
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
			if c.text != "" && !strings.Contains(texts, c.text) {
				t.Errorf("%q is not in\n%s", c.text, texts)
			}
		})
	}
}

func TestWhereMXLeadsIsToldOnlyIfItLeadsToNoSource(t *testing.T) {
	sources := []provider.Source{
		{Name: "gone", Origin: provider.OriginTrace, Ranges: prefixes("198.51.100.0/24")},
		{Name: "current", Origin: provider.OriginTrace, Ranges: prefixes("192.0.2.0/24"), ReceivedBy: []string{"provider.example"}},
	}
	check := Checker{Fetcher: Fetcher{Resolver: dns.MustSnapshot(t, zone)}, Sources: sources, Domains: []mail.Domain{"example.com"}, State: ranges.NewState(), Now: now}
	all, err := check.Check(t.Context(), counts{days: 200})
	if err != nil || len(all[0].Findings) != 1 || strings.Contains(all[0].Findings[0].Text, "MX leads to") || len(all[1].Findings) != 0 {
		t.Errorf("%+v, %v", all, err)
	}
	for range 10 {
		check.Domains = append(check.Domains, "slow.example")
	}
	if all, err = check.Check(t.Context(), counts{days: 200}); err != nil || !errors.Is(all[0].MXErr, dns.ErrTemporary) || !strings.HasPrefix(all[0].MXErr.Error(), "MX of slow.example: ") || !strings.HasSuffix(all[0].MXErr.Error(), "\nMX of 5 more domains cannot be learned either") {
		t.Errorf("%v, %v", all[0].MXErr, err)
	}
}

func TestStrangersAreHeldAgainstTheSourcesOfToday(t *testing.T) {
	day := func(n int) time.Time { return now.AddDate(0, 0, n) }
	set, err := provider.NewSet([]provider.Source{
		{Name: "current", Ranges: prefixes("192.0.2.0/24")},
		{Name: "old", Ranges: prefixes("198.51.100.0/24"), ValidUntil: day(-1)},
		{Name: "new", Ranges: prefixes("203.0.113.0/24", "2001:db8:0:1::8/125"), ValidFrom: day(1), Provider: "mimecast"},
	})
	if err != nil {
		t.Fatal(err)
	}
	for network, want := range map[string]string{
		"192.0.2.7/32": "current admitted false ", "198.51.100.7/32": "old over false ", "203.0.113.7/32": "new to come false mimecast",
		"2001:db8:0:1::/64": "new to come true mimecast", "2001:db8:0:2::/64": " admitted false ", "40.92.1.2/32": " admitted false microsoft365",
	} {
		s := NewAttempts([]store.StrangerRow{{Hour: day(0), Network: prefixes(network)[0], Count: 1}}, set, day(-7), now).Strangers[0]
		if got := fmt.Sprint(s.Source.Name, " ", s.State(now), " ", s.Part, " ", s.Provider); got != want {
			t.Errorf("%s: %q, want %q", network, got, want)
		}
	}
}

func TestStatusFallsBackToWhatWasAccepted(t *testing.T) {
	state := ranges.NewState()
	source := provider.Source{Name: "ours", Origin: provider.OriginTrace, Ranges: prefixes("192.0.2.0/24"), ReceivedBy: []string{"provider.example"}, Published: places(t, "spf:slow.provider.example")}
	if _, err := state.Propose("ours", ranges.List{Ranges: prefixes("203.0.113.0/24")}, source.Ranges, now); err != nil {
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
		420 * 24 * time.Hour: "168h0m0s 61", 421 * 24 * time.Hour: "336h0m0s 31", 36500 * 24 * time.Hour: "14616h0m0s 61",
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
		if s := a.Strangers[0]; len(a.Strangers) != 1 || s.Helo != "new" || s.Hours != 2 || !s.First.Equal(first.Hour) || !s.Last.Equal(last.Hour) || s.Source.Name != "" {
			t.Errorf("%s: %+v", span, s)
		}
	}
}

// What is advised can be typed as it stands.
func TestAnAdviceNamesASourceAsAShellReadsIt(t *testing.T) {
	for name, want := range map[string]string{"old provider": "`mxgate journal -source 'old provider'`", "old": "`mxgate journal -source old`", "it's": `-source 'it'\''s'` + "`"} {
		s := Status{Source: provider.Source{Name: name}}
		s.Use.Messages[1] = 1
		if got := s.advice(leads{}); !strings.Contains(got, want) {
			t.Errorf("%s: %s", name, got)
		}
	}
}
