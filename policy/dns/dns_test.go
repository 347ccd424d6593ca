package dns

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"reflect"
	"strings"
	"testing"
)

func TestErrorMatchesItsClass(t *testing.T) {
	for _, tc := range []struct {
		class    error
		notFound bool
	}{
		{ErrNoSuchName, true}, {ErrNoData, true}, {ErrTemporary, false}, {ErrPermanent, false},
	} {
		var err error = fmt.Errorf("spf: %w", &Error{Type: "TXT", Name: "example.com", Class: tc.class})
		for _, class := range []error{ErrNoSuchName, ErrNoData, ErrTemporary, ErrPermanent} {
			if errors.Is(err, class) != (class == tc.class) {
				t.Errorf("errors.Is(%v, %v) = %v", err, class, class != tc.class)
			}
		}
		if errors.Is(err, ErrNotFound) != tc.notFound {
			t.Errorf("errors.Is(%v, ErrNotFound) = %v", err, !tc.notFound)
		}
	}
	if err := (&Error{Type: "A", Name: "x", Class: ErrTemporary, Cause: context.DeadlineExceeded}); !errors.Is(err, context.DeadlineExceeded) {
		t.Error("the cause is lost")
	}
}

func TestNetError(t *testing.T) {
	fail := func(class, cause error) error {
		return &Error{Type: "TXT", Name: "example.com", Class: class, Cause: cause}
	}
	for _, tc := range []struct {
		err                          error
		notFound, temporary, timeout bool
		name                         string
	}{
		{fail(ErrNoSuchName, nil), true, false, false, "example.com"},
		{fail(ErrNoData, nil), true, false, false, "example.com"},
		{fail(ErrPermanent, nil), false, false, false, "example.com"},
		{fail(ErrTemporary, nil), false, true, false, "example.com"},
		{fail(ErrTemporary, context.DeadlineExceeded), false, true, true, "example.com"},
		{fmt.Errorf("wrapped: %w", fail(ErrNoData, nil)), true, false, false, "example.com"},
		{context.DeadlineExceeded, false, true, true, ""}, // LIBRARIES.md, P5: never a permanent verdict
		{context.Canceled, false, true, false, ""},
		{errors.New("anything"), false, true, false, ""},
	} {
		got := NetError(tc.err)
		if got.IsNotFound != tc.notFound || got.IsTemporary != tc.temporary || got.IsTimeout != tc.timeout || got.Name != tc.name || got.Err == "" {
			t.Errorf("NetError(%v) = %+v", tc.err, got)
		}
		if got.Temporary() != tc.temporary || got.Timeout() != tc.timeout {
			t.Errorf("NetError(%v): Temporary %v, Timeout %v", tc.err, got.Temporary(), got.Timeout())
		}
	}
	if NetError(nil) != nil {
		t.Error("NetError(nil) is not nil")
	}
}

const zone = `
# a comment
example.com        TXT    "v=spf1 " "-all"
example.com        TXT    "a \"quoted\" text"
EXAMPLE.com.	A	192.0.2.1
example.com        A      192.0.2.2
example.com        AAAA   2001:db8::1
example.com        MX     10 Mail.example.com.
null.example.com   MX     0 .
www.example.com    CNAME  alias.example.com
alias.example.com  CNAME  EXAMPLE.com.
loop.example.com   CNAME  loop.example.com
dead.example.com   CNAME  nowhere.example.org
slow.example.com   TXT    SERVFAIL
late.example.com   TXT    TIMEOUT
bad.example.com    A      junk
_25._tcp.example.com TLSA 3 1 1 00FF 0102
bad.example.com    TLSA   3 1 256 00
odd.example.com    TLSA   3 1 1 0
short.example.com  TLSA   3 1
forged.example.com TLSA   BOGUS
signed.example     DNSSEC signed
a.signed.example   A      192.0.2.4
b.signed.example   CNAME  example.com
plain.signed.example DNSSEC unsigned
a.plain.signed.example A  192.0.2.5
b.plain.signed.example CNAME a.signed.example
deep.down.example.org A   192.0.2.3
1.2.0.192.in-addr.arpa PTR Mail.example.com.
1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa PTR six.example.com
`

func TestSnapshotAnswers(t *testing.T) {
	s := MustSnapshot(t, zone)
	ctx := t.Context()
	for _, tc := range []struct {
		question string
		ask      func() (any, error)
		want     string
		class    error
	}{
		{"TXT, strings joined", func() (any, error) { a, err := s.TXT(ctx, "example.com"); return a.Records, err }, `[v=spf1 -all a "quoted" text]`, nil},
		{"TXT through two aliases", func() (any, error) { a, err := s.TXT(ctx, "www.example.com"); return len(a.Records), err }, "2", nil},
		{"A, name in another case", func() (any, error) { a, err := s.A(ctx, "Example.COM."); return a.Records, err }, "[192.0.2.1 192.0.2.2]", nil},
		{"AAAA", func() (any, error) { a, err := s.AAAA(ctx, "example.com"); return a.Records, err }, "[2001:db8::1]", nil},
		{"MX", func() (any, error) { a, err := s.MX(ctx, "example.com"); return a.Records, err }, "[{10 mail.example.com}]", nil},
		{"null MX", func() (any, error) { a, err := s.MX(ctx, "null.example.com"); return a.Records, err }, "[{0 }]", nil},
		{"PTR", func() (any, error) { a, err := s.PTR(ctx, netip.MustParseAddr("192.0.2.1")); return a.Records, err }, "[mail.example.com]", nil},
		{"PTR of a mapped address", func() (any, error) {
			a, err := s.PTR(ctx, netip.MustParseAddr("::ffff:192.0.2.1"))
			return a.Records, err
		}, "[mail.example.com]", nil},
		{"PTR, IPv6", func() (any, error) { a, err := s.PTR(ctx, netip.MustParseAddr("2001:db8::1")); return a.Records, err }, "[six.example.com]", nil},
		{"no such name", func() (any, error) { a, err := s.A(ctx, "no.example.com"); return a.Records, err }, "", ErrNoSuchName},
		{"a name with other records", func() (any, error) { a, err := s.MX(ctx, "late.example.com"); return a.Records, err }, "", ErrNoData},
		{"a name with names below it", func() (any, error) { a, err := s.A(ctx, "down.example.org"); return a.Records, err }, "", ErrNoData},
		{"an alias to nowhere", func() (any, error) { a, err := s.A(ctx, "dead.example.com"); return a.Records, err }, "", ErrNoSuchName},
		{"an alias to itself", func() (any, error) { a, err := s.A(ctx, "loop.example.com"); return a.Records, err }, "", ErrTemporary},
		{"TLSA", func() (any, error) { a, err := s.TLSA(ctx, "_25._tcp.example.com"); return a.Records, err }, "[{3 1 1 [0 255 1 2]}]", nil},
		{"TLSA with a number too high", func() (any, error) { a, err := s.TLSA(ctx, "bad.example.com"); return a.Records, err }, "", ErrTemporary},
		{"TLSA with half an octet", func() (any, error) { a, err := s.TLSA(ctx, "odd.example.com"); return a.Records, err }, "", ErrTemporary},
		{"TLSA with two fields", func() (any, error) { a, err := s.TLSA(ctx, "short.example.com"); return a.Records, err }, "", ErrTemporary},
		{"BOGUS", func() (any, error) { a, err := s.TLSA(ctx, "forged.example.com"); return a.Records, err }, "", ErrBogus},
		{"BOGUS is temporary", func() (any, error) { a, err := s.TLSA(ctx, "forged.example.com"); return a.Records, err }, "", ErrTemporary},
		{"CNAME is not followed", func() (any, error) { a, err := s.CNAME(ctx, "www.example.com"); return a.Records, err }, "[alias.example.com]", nil},
		{"no CNAME", func() (any, error) { a, err := s.CNAME(ctx, "example.com"); return a.Records, err }, "", ErrNoData},
		{"signed", func() (any, error) { a, err := s.A(ctx, "a.signed.example"); return a.Authentic, err }, "true", nil},
		{"not signed", func() (any, error) { a, err := s.A(ctx, "example.com"); return a.Authentic, err }, "false", nil},
		{"alias that leaves what is signed", func() (any, error) { a, err := s.A(ctx, "b.signed.example"); return a.Authentic, err }, "false", nil},
		{"alias into what is signed", func() (any, error) { a, err := s.A(ctx, "b.plain.signed.example"); return a.Authentic, err }, "false", nil},
		{"that alias itself", func() (any, error) { a, err := s.CNAME(ctx, "b.signed.example"); return a.Authentic, err }, "true", nil},
		{"zone below that is not signed", func() (any, error) { a, err := s.A(ctx, "a.plain.signed.example"); return a.Authentic, err }, "false", nil},
		{"SERVFAIL", func() (any, error) { a, err := s.TXT(ctx, "slow.example.com"); return a.Records, err }, "", ErrTemporary},
		{"TIMEOUT", func() (any, error) { a, err := s.TXT(ctx, "late.example.com"); return a.Records, err }, "", context.DeadlineExceeded},
		{"junk as an address", func() (any, error) { a, err := s.A(ctx, "bad.example.com"); return a.Records, err }, "", ErrTemporary},
		{"no PTR", func() (any, error) { a, err := s.PTR(ctx, netip.MustParseAddr("192.0.2.9")); return a.Records, err }, "", ErrNoSuchName},
	} {
		got, err := tc.ask()
		if !errors.Is(err, tc.class) || (err == nil) != (tc.class == nil) {
			t.Errorf("%s: error %v, want %v", tc.question, err, tc.class)
		}
		if err == nil && fmt.Sprint(got) != tc.want {
			t.Errorf("%s: %v, want %s", tc.question, got, tc.want)
		}
		if err != nil && !reflect.ValueOf(got).IsZero() {
			if v := reflect.ValueOf(got); v.Kind() != reflect.Slice || v.Len() > 0 {
				t.Errorf("%s: %v with an error", tc.question, got)
			}
		}
	}
}

func TestSnapshotHonoursTheContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := MustSnapshot(t, zone).TXT(ctx, "example.com")
	if !errors.Is(err, ErrTemporary) || !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

func TestSnapshotRawTellsWhatTheZoneSays(t *testing.T) {
	s := MustSnapshot(t, zone)
	if data, exists := s.Raw("www.example.com", "A"); len(data) != 0 || !exists {
		t.Errorf("www: %q, %v", data, exists)
	}
	if data, exists := s.Raw("www.example.com", "CNAME"); len(data) != 1 || !exists {
		t.Errorf("www: %q, %v", data, exists)
	}
	if _, exists := s.Raw("nothing.example", "A"); exists {
		t.Error("nothing.example exists")
	}
}

func TestParseSnapshotNamesTheBrokenLine(t *testing.T) {
	for _, line := range []string{"example.com", "example.com TXT", `example.com TXT "open`, `example.com TXT "a" b`, `example.com TXT "\q"`} {
		if _, err := ParseSnapshot("example.com A 192.0.2.1\n" + line); err == nil || !strings.Contains(err.Error(), "line 2") {
			t.Errorf("%q: %v", line, err)
		}
	}
}

func TestReverseName(t *testing.T) {
	for addr, want := range map[string]string{
		"192.0.2.1":          "1.2.0.192.in-addr.arpa",
		"::ffff:192.0.2.1":   "1.2.0.192.in-addr.arpa",
		"2001:db8::1":        "1." + strings.Repeat("0.", 23) + "8.b.d.0.1.0.0.2.ip6.arpa",
		"2001:db8::abcd%lo0": "d.c.b.a." + strings.Repeat("0.", 20) + "8.b.d.0.1.0.0.2.ip6.arpa",
	} {
		if got := ReverseName(netip.MustParseAddr(addr)); got != want {
			t.Errorf("ReverseName(%s) = %q, want %q", addr, got, want)
		}
	}
}

func FuzzParseSnapshot(f *testing.F) {
	f.Add(zone)
	f.Add("a TXT \"\\x00\"\n. A 192.0.2.1\n..  CNAME .")
	f.Fuzz(func(t *testing.T, text string) {
		s, err := ParseSnapshot(text)
		if err != nil {
			return
		}
		for _, line := range strings.Split(text, "\n") {
			name, _, _ := strings.Cut(strings.TrimSpace(line), " ")
			if a, err := s.TXT(t.Context(), name); err == nil && len(a.Records) == 0 {
				t.Fatalf("TXT %q: neither records nor an error", name)
			}
			if a, err := s.MX(t.Context(), name); err == nil && len(a.Records) == 0 {
				t.Fatalf("MX %q: neither records nor an error", name)
			}
		}
	})
}
