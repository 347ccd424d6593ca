package ranges

import (
	"errors"
	"fmt"
	"net/netip"
	"runtime"
	"strings"
	"testing"
	"time"

	"mxgate/policy/dns"
)

func prefixes(texts ...string) []netip.Prefix {
	var list []netip.Prefix
	for _, s := range texts {
		list = append(list, netip.MustParsePrefix(s))
	}
	return list
}

func TestPlacesAreReadAsTheyAreWritten(t *testing.T) {
	for text, want := range map[string]Place{
		"spf:_spf.Example.com":            {KindSPF, "_spf.example.com"},
		"hosts:out.example.com.":          {KindHosts, "out.example.com"},
		"https://example.com/ranges.json": {KindURL, "https://example.com/ranges.json"},
		"/etc/mxgate/ranges.txt":          {KindFile, "/etc/mxgate/ranges.txt"},
		"":                                {}, "example.com": {}, "http://example.com/": {}, "https:///x": {}, "https://user:secret@example.com/": {},
		"spf:": {}, "spf:com": {}, "hosts:a b.example.com": {}, "ranges.txt": {}, "/etc/\n": {}, "ftp://example.com/": {},
	} {
		got, err := ParsePlace(text)
		if got != want || (err != nil) != (want == Place{}) || err != nil && !errors.Is(err, ErrBadPlace) {
			t.Errorf("ParsePlace(%q) = %v, %v, want %v", text, got, err, want)
		}
		if again, err := ParsePlace(got.String()); want != (Place{}) && (again != got || err != nil) {
			t.Errorf("%v is read back as %v, %v", got, again, err)
		}
	}
}

func TestArithmeticIsByAddress(t *testing.T) {
	for _, c := range []struct{ a, b, want string }{
		{"192.0.2.0/25 192.0.2.128/25", "", "192.0.2.0/24"},
		{"192.0.2.0/24 192.0.2.7/32", "192.0.2.0/25", "192.0.2.128/25"},
		{"192.0.2.0/24", "192.0.2.5/32", "192.0.2.0/30 192.0.2.4/32 192.0.2.6/31 192.0.2.8/29 192.0.2.16/28 192.0.2.32/27 192.0.2.64/26 192.0.2.128/25"},
		{"192.0.2.0/24", "192.0.0.0/16", ""},
		{"192.0.2.0/24 198.51.100.0/24", "192.0.2.0/24", "198.51.100.0/24"},
		{"255.255.255.0/24 ::/128", "", "255.255.255.0/24 ::/128"},            // the end of one family does not touch the begin of the other
		{"::/0 ::1/128 255.0.0.0/8 255.255.255.0/24", "", "255.0.0.0/8 ::/0"}, // behind the last address of a family there is nothing
		{"0.0.0.0/0 ::/0", "0.0.0.0/1 8000::/1", "128.0.0.0/1 ::/1"},
		{"192.0.2.0/26 192.0.2.128/26", "192.0.2.32/27 192.0.2.128/27", "192.0.2.0/27 192.0.2.160/27"},
		{"", "192.0.2.0/24", ""},
	} {
		got := Subtract(prefixes(strings.Fields(c.a)...), prefixes(strings.Fields(c.b)...))
		if text := strings.Trim(fmt.Sprint(got), "[]"); text != c.want {
			t.Errorf("%q without %q is %q, want %q", c.a, c.b, text, c.want)
		}
	}
}

const zone = `
_spf.example.com   TXT "v=spf1 ip4:192.0.2.0/25 include:_b.example.com ~all"
_spf.example.com   TXT "some other text"
_b.example.com     TXT "v=spf1 ip4:192.0.2.129/25 IP6:2001:db8:1::/48 include:_spf.example.com -all"
_redirect.example.com TXT "v=spf1 redirect=_b.example.com"
_all.example.com   TXT "v=spf1 ip4:198.51.100.1 redirect=_spf.example.com ?all"
_hosts.example.com TXT "v=spf1 a:out.example.com/24//64 mx:mail.example.com mx:null.example.com a:nothing.example.com +a -all"
_hosts.example.com A   203.0.113.9
out.example.com    A   198.51.100.77
out.example.com    AAAA 2001:db8:2::5
mail.example.com   MX  10 out.example.com
null.example.com   MX  0 .
_odd.example.com   TXT "v=spf1 -ip4:192.0.2.1 exists:%{i}.example.com include:%{d}.example.com a:%{h} ptr include:gone.example.com exp=why.example.com ip4:192.0.2.0/28 all"
_two.example.com   TXT "v=spf1 ip4:192.0.2.1 -all"
_two.example.com   TXT "v=spf1 ip4:192.0.2.2 -all"
_bad4.example.com  TXT "v=spf1 ip4:192.0.2.0/33"
_bad6.example.com  TXT "v=spf1 ip4:2001:db8::/32"
_mapped.example.com TXT "v=spf1 ip6:::ffff:192.0.2.0/120"
_dual.example.com  TXT "v=spf1 a:out.example.com/24/64"
_word.example.com  TXT "v=spf1 ipv4:192.0.2.1 -all"
_empty.example.com TXT "v=spf1 -all"
_v10.example.com   TXT "v=spf10 ip4:192.0.2.1"
_part.example.com  TXT "v=spf1 ip4:192.0.2.0/24 include:slow.example.com -all"
_parta.example.com TXT "v=spf1 ip4:192.0.2.0/24 a:slow.example.com -all"
_partm.example.com TXT "v=spf1 ip4:192.0.2.0/24 mx:slow.example.com -all"
slow.example.com   TXT SERVFAIL
slow.example.com   A   SERVFAIL
slow.example.com   MX  SERVFAIL
half.example.com   A   192.0.2.1
half.example.com   AAAA SERVFAIL
`

func TestSPFIsExpandedToAddresses(t *testing.T) {
	for _, c := range []struct {
		name   string
		want   string
		unread int
		err    error
	}{
		{"_spf.example.com", "192.0.2.0/24 2001:db8:1::/48", 0, nil},
		{"_b.example.com", "192.0.2.0/24 2001:db8:1::/48", 0, nil}, // includes that meet each other
		{"_redirect.example.com", "192.0.2.0/24 2001:db8:1::/48", 0, nil},
		{"_all.example.com", "198.51.100.1/32", 0, nil},
		{"_hosts.example.com", "198.51.100.0/24 203.0.113.9/32 2001:db8:2::/64", 0, nil},
		{"_odd.example.com", "192.0.2.0/28", 7, nil},
		{"_two.example.com", "", 0, ErrBadForm},
		{"_bad4.example.com", "", 0, ErrBadForm},
		{"_bad6.example.com", "", 0, ErrBadForm},
		{"_mapped.example.com", "", 0, ErrBadForm},
		{"_dual.example.com", "", 0, ErrBadForm},
		{"_word.example.com", "", 0, ErrBadForm},
		{"_empty.example.com", "", 0, ErrNothing},
		{"_v10.example.com", "", 0, ErrNothing},
		{"gone.example.com", "", 0, ErrNothing},
		{"slow.example.com", "", 0, dns.ErrTemporary},
		{"_part.example.com", "", 0, dns.ErrTemporary}, // never a shorter list
		{"_parta.example.com", "", 0, dns.ErrTemporary},
		{"_partm.example.com", "", 0, dns.ErrTemporary},
		{"a..example.com", "", 0, dns.ErrPermanent},
	} {
		l, err := SPF(t.Context(), dns.MustSnapshot(t, zone), c.name)
		if !errors.Is(err, c.err) || (err == nil) != (c.err == nil) {
			t.Errorf("%s: %v, want %v", c.name, err, c.err)
		}
		if got := strings.Trim(fmt.Sprint(l.Ranges), "[]"); got != c.want || len(l.Unread) != c.unread {
			t.Errorf("%s: %q, unread %q, want %q", c.name, got, l.Unread, c.want)
		}
	}
	l, err := SPF(t.Context(), dns.MustSnapshot(t, zone), "_all.example.com", "_hosts.example.com")
	if err != nil || len(l.Ranges) != 3 || fmt.Sprint(l.From) != "[spf:_all.example.com spf:_hosts.example.com]" {
		t.Errorf("two names: %+v, %v", l, err)
	}
}

// Whoever fetched a document names it; the places of other lists are named here.
func TestNothingIsSaidOfWhere(t *testing.T) {
	if _, err := Document([]byte("# none\n")); !errors.Is(err, ErrNothing) || !strings.HasSuffix(err.Error(), "no address in it") {
		t.Error(err)
	}
	if _, err := SPF(t.Context(), dns.MustSnapshot(t, zone), "_empty.example.com"); err == nil || !strings.HasSuffix(err.Error(), "no address in spf:_empty.example.com") {
		t.Error(err)
	}
}

func TestSPFIsBounded(t *testing.T) {
	deep, broad, fat := new(strings.Builder), new(strings.Builder), new(strings.Builder)
	for i := range 20 {
		fmt.Fprintf(deep, "d%d.example.com TXT \"v=spf1 ip4:192.0.2.%d include:d%d.example.com -all\"\n", i, i, i+1)
	}
	fmt.Fprint(broad, `w.example.com TXT "v=spf1`)
	for i := range 300 {
		fmt.Fprintf(broad, " a:h%d.example.com", i)
	}
	fmt.Fprintln(broad, `"`)
	fmt.Fprint(fat, `w.example.com TXT "v=spf1`+strings.Repeat(" ip4:192.0.2.1", 2000)+`"`)
	for name, text := range map[string]string{"d0.example.com": deep.String(), "w.example.com": broad.String()} {
		if l, err := SPF(t.Context(), dns.MustSnapshot(t, text), name); !errors.Is(err, ErrBounds) {
			t.Errorf("%s: %v, %v", name, l.Ranges, err)
		}
	}
	if l, err := SPF(t.Context(), dns.MustSnapshot(t, fat.String()), "w.example.com"); !errors.Is(err, ErrBounds) {
		t.Errorf("a fat record: %v, %v", l.Ranges, err)
	}
}

func TestHostsAreTheirAddresses(t *testing.T) {
	l, err := Hosts(t.Context(), dns.MustSnapshot(t, zone), "out.example.com")
	if err != nil || fmt.Sprint(l.Ranges) != "[198.51.100.77/32 2001:db8:2::5/128]" || l.From[0].String() != "hosts:out.example.com" {
		t.Errorf("%+v, %v", l, err)
	}
	if l, err := Hosts(t.Context(), dns.MustSnapshot(t, zone), "half.example.com"); !errors.Is(err, dns.ErrTemporary) {
		t.Errorf("half an answer: %v, %v", l.Ranges, err)
	}
	if _, err := Hosts(t.Context(), dns.MustSnapshot(t, zone), "gone.example.com"); !errors.Is(err, ErrNothing) {
		t.Errorf("no such host: %v", err)
	}
}

const microsoft = `[
 {"id": 9, "serviceArea": "Exchange", "urls": ["*.protection.outlook.com"], "ips": ["198.51.100.0/24"], "tcpPorts": "443", "required": true},
 {"id": 10, "serviceArea": "Exchange", "urls": ["*.mail.protection.outlook.com", "*.mx.microsoft"], "ips": ["192.0.2.0/24", "2001:db8:4::/48"], "tcpPorts": "25", "category": "Allow"},
 {"id": 11, "serviceArea": "Skype", "urls": ["x.mail.protection.outlook.com"], "ips": ["203.0.113.0/24"], "tcpPorts": "25,443"},
 {"id": 12, "serviceArea": "Exchange", "urls": ["evilmail.protection.outlook.com.example"], "ips": ["203.0.113.0/24"], "tcpPorts": "25"},
 {"id": 14, "serviceArea": "Exchange", "urls": ["*.mail.protection.outlook.com"], "ips": ["203.0.113.0/24"], "tcpPorts": "443,2525"},
 {"id": 13, "serviceArea": "Exchange", "urls": ["mail.protection.outlook.com"], "tcpPorts": "443, 25"}
]`

func TestDocumentsAreReadWholeOrNotAtAll(t *testing.T) {
	for _, c := range []struct {
		name, text, want string
		err              error
	}{
		{"Microsoft's endpoints", microsoft, "192.0.2.0/24 2001:db8:4::/48", nil},
		{"with a byte order mark", "\ufeff" + microsoft, "192.0.2.0/24 2001:db8:4::/48", nil},
		{"endpoints with a slip elsewhere", strings.Replace(microsoft, "198.51.100.0/24", "198.51.100.0/33", 1), "", ErrBadForm},
		{"endpoints without mail", `[{"serviceArea": "Exchange", "tcpPorts": "443", "ips": ["192.0.2.0/24"]}]`, "", ErrNothing},
		{"endpoints that end early", microsoft[:len(microsoft)-20], "", ErrBadForm},
		{"endpoints with more behind them", microsoft + "]", "", ErrBadForm},
		{"endpoints twice", microsoft + microsoft, "", ErrBadForm},
		{"an open array", "[{}", "", ErrBadForm},
		{"an entry that is none", `[{}, "192.0.2.0/24"]`, "", ErrBadForm},
		{"too many entries", "[" + strings.Repeat("{},", maxEntries) + "{}]", "", ErrBounds},
		{"an object", `{"ips": ["192.0.2.0/24"]}`, "", ErrBadForm},
		{"an object without anything", "{}", "", ErrBadForm},
		{"a plain list", "# ours\n192.0.2.0/25\r\n 192.0.2.128/25  # b\n\n2001:db8::1\n", "192.0.2.0/24 2001:db8::1/128", nil},
		{"a web page", "<html>\n", "", ErrBadForm},
		{"host bits", "192.0.2.1/24", "", ErrBadForm},
		{"a mapped range", "::ffff:192.0.2.0/120", "", ErrBadForm},
		{"a zone", "fe80::1%eth0", "", ErrBadForm},
		{"nothing", "\n# nothing\n", "", ErrNothing},
		{"too much", strings.Repeat("192.0.2.1\n", maxRanges+1), "", ErrBounds},
		{"far too much", strings.Repeat("#", MaxDocumentOctets+1), "", ErrBounds},
	} {
		l, err := Document([]byte(c.text))
		if got := strings.Trim(fmt.Sprint(l.Ranges), "[]"); got != c.want || !errors.Is(err, c.err) || (err == nil) != (c.err == nil) {
			t.Errorf("%s: %q, %v, want %q, %v", c.name, got, err, c.want, c.err)
		}
	}
}

// What is fetched is small, and may not become large.
func TestADocumentTakesLittleMemory(t *testing.T) {
	for _, c := range []struct{ before, unit, after string }{{"[", "{},", "{}]"}, {"[", "null,", "{}]"}, {`[{"urls": [`, `"",`, `""]}]`}, {"", "::\n", ""}} {
		text := []byte(c.before + strings.Repeat(c.unit, (MaxDocumentOctets-20)/len(c.unit)) + c.after)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := Document(text)
		runtime.ReadMemStats(&after)
		if n := after.TotalAlloc - before.TotalAlloc; n > 80<<20 {
			t.Errorf("%s: %d MiB for %d KiB, %v", c.unit, n>>20, len(text)>>10, err)
		}
	}
}

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func TestNothingIsGoodUntilItIsAccepted(t *testing.T) {
	s, ours := NewState(), prefixes("192.0.2.0/24")
	propose := func(want bool, texts ...string) string {
		t.Helper()
		differs, err := s.Propose("ours", List{Ranges: prefixes(texts...), From: []Place{{KindSPF, "_spf.example.com"}}}, ours, noon)
		if err != nil || differs != want {
			t.Fatalf("Propose: %v, %v", differs, err)
		}
		if !differs {
			return ""
		}
		return s.Sources["ours"].Pending.Digest()
	}
	propose(false, "192.0.2.0/25", "192.0.2.128/25") // what the operator wrote is good already
	first := propose(true, "192.0.2.0/24", "198.51.100.0/24")
	if got := s.Base("ours", ours); len(got) != 1 {
		t.Errorf("a proposal is already good: %v", got)
	}
	second := propose(true, "192.0.2.0/24", "203.0.113.0/24")
	if err := s.Accept("ours", first, "erika", ours, noon, true); !errors.Is(err, ErrOther) {
		t.Errorf("a list that nobody saw was accepted: %v", err)
	}
	if err := s.Accept("ours", second[:31], "erika", ours, noon, true); !errors.Is(err, ErrOther) || !strings.Contains(err.Error(), "31 digits: expected all 32") {
		t.Errorf("half a digest: %v", err)
	}
	if err := s.Accept("other", second, "erika", ours, noon, true); !errors.Is(err, ErrNoPending) {
		t.Errorf("the list of another source was accepted: %v", err)
	}
	if err := s.Accept("ours", second, "erika", ours, noon, false); err != nil {
		t.Fatal(err)
	}
	r := s.Sources["ours"]
	if r.Pending != nil || r.Accepted.By != "erika" || !r.Accepted.Accepted.Equal(noon) || len(s.Base("ours", ours)) != 2 {
		t.Errorf("accepted: %+v", r)
	}
	if err := s.Accept("ours", second, "otto", ours, noon, false); !errors.Is(err, ErrNoPending) || !strings.Contains(err.Error(), "was accepted on 2026-11-22T12:00:00Z by erika") {
		t.Errorf("accepted twice: %v", err)
	}
	propose(false, "203.0.113.0/24", "192.0.2.0/25", "192.0.2.128/25") // the same addresses
	third := propose(true, "203.0.113.0/24")
	if _, err := s.Propose("ours", List{}, ours, noon); !errors.Is(err, ErrNothing) || s.Sources["ours"].Pending.Digest() != third {
		t.Errorf("an empty list: %v, %+v", err, s.Sources["ours"])
	}
	if _, err := s.Propose("ours", List{Ranges: make([]netip.Prefix, maxRanges+1)}, ours, noon); !errors.Is(err, ErrBounds) || s.Sources["ours"].Pending.Digest() != third {
		t.Errorf("a list that is too long: %v", err)
	}
	if err := s.Accept("ours", third, "erika", ours, noon, false); err != nil || s.Sources["ours"].Before.Digest() != second {
		t.Errorf("the list before is not kept: %v, %+v", err, s.Sources["ours"])
	}
	back, err := ReadState(s.Text())
	if err != nil || string(back.Text()) != string(s.Text()) {
		t.Errorf("read back: %v\n%s", err, s.Text())
	}
}

func TestADigestCannotBeMadeTwice(t *testing.T) {
	v := &Version{Ranges: prefixes("192.0.2.0/24")}
	if d := v.Digest(); len(d) < 32 { // a collision of n bits is found after 2^(n/2) lists
		t.Errorf("%q has %d bits", d, 4*len(d))
	}
}

func TestAListThatChangesTooMuchNeedsForce(t *testing.T) {
	many := func(n int) (list []netip.Prefix) {
		for i := range n {
			list = append(list, netip.PrefixFrom(netip.AddrFrom4([4]byte{198, byte(20 + i), 0, 0}), 16))
		}
		return list
	}
	for _, c := range []struct {
		name         string
		before, list []netip.Prefix
		doubts       []string
	}{
		{"the same", many(3), many(3), nil},
		{"twice as many", many(3), many(6), nil},
		{"more than twice", many(3), many(7), []string{"IPv4 grows from 196,608 addresses to 458,752 addresses"}},
		{"half", many(6), many(3), nil},
		{"less than half", many(7), many(3), []string{"IPv4 shrinks"}},
		{"a few addresses, thrice as many", prefixes("192.0.2.0/30"), prefixes("192.0.2.0/24", "198.51.100.0/24"), nil},
		{"a new IPv6 range", many(1), append(many(1), prefixes("2001:db8::/32")...), nil},
		{"two large ones", many(1), append(many(1), prefixes("2001:db8::/31")...), []string{"IPv6 grows from 0 addresses to 8,589,934,592 networks of /64"}},
		{"all of IPv4", prefixes("0.0.0.0/1"), prefixes("0.0.0.0/0"), []string{"0.0.0.0/0 is not, or not all, public", "0.0.0.0/0 is wider than /11"}},
		{"private addresses", many(1), append(many(1), prefixes("10.1.0.0/24", "127.0.0.1/32", "192.168.0.0/16")...), []string{"10.1.0.0/24 is not", "127.0.0.1/32 is not", "192.168.0.0/16 is not"}},
		{"private addresses in part", prefixes("172.0.0.0/11"), prefixes("172.0.0.0/11"), []string{"172.0.0.0/11 is not, or not all, public"}},
		{"private IPv6 addresses", prefixes("fd00::/64"), prefixes("fd00::/64"), []string{"fd00::/64 is not"}},
		{"for protocols and tests", prefixes("192.0.0.8/32", "198.19.0.0/24"), prefixes("192.0.0.8/32", "198.19.0.0/24"), []string{"192.0.0.8/32 is not", "198.19.0.0/24 is not"}},
		{"tunnels", prefixes("2001::/40", "2002:c000:200::/48"), prefixes("2001::/40", "2002:c000:200::/48"), []string{"2001::/40 is not", "2002:c000:200::/48 is not"}},
		{"a wide IPv6 range", prefixes("2001:d00::/24"), prefixes("2001:d00::/24"), []string{"2001:d00::/24 is wider than /29"}},
	} {
		doubts := Doubts(c.before, c.list)
		ok := len(doubts) == len(c.doubts)
		for i := range c.doubts {
			ok = ok && strings.HasPrefix(doubts[i], c.doubts[i])
		}
		if !ok {
			t.Errorf("%s: %q, want %q", c.name, doubts, c.doubts)
		}
		s := NewState()
		if _, err := s.Propose("ours", List{Ranges: c.list}, nil, noon); err != nil {
			t.Fatal(err)
		}
		digest := s.Sources["ours"].Pending.Digest()
		if err := s.Accept("ours", digest, "erika", c.before, noon, false); errors.Is(err, ErrDoubtful) != (c.doubts != nil) {
			t.Errorf("%s: accepted with %v", c.name, err)
		}
		if c.doubts == nil {
			continue
		}
		if s.Sources["ours"].Accepted != nil {
			t.Errorf("%s: accepted in spite of the doubt", c.name)
		}
		if err := s.Accept("ours", digest, "erika", c.before, noon, true); err != nil {
			t.Errorf("%s: with force: %v", c.name, err)
		}
	}
}

func TestAStateThatIsNotOursIsRefused(t *testing.T) {
	for _, text := range []string{
		"", "{}", "[]", `{"schema": 2}`, `{"schema": 1} {}`, `{"schema": 1} }`, `{"schema": 1, "extra": 1}`,
		`{"schema": 1, "sources": {"a": {"accepted": {"ranges": []}}}}`,
		`{"schema": 1, "sources": {"a": {"pending": {"ranges": ["192.0.2.1/24"]}}}}`,
		`{"schema": 1, "sources": {"a": {"before": {"ranges": ["::ffff:192.0.2.0/120"]}}}}`,
		`{"schema": 1, "sources": {"a": {"before": {"ranges": [""]}}}}`,
		`{"schema": 1, "sources": {"a": {"before": {"ranges": ["192.0.2.0/24"], "fetched": "yesterday"}}}}`,
		strings.Repeat(" ", MaxStateOctets+1),
	} {
		if _, err := ReadState([]byte(text)); !errors.Is(err, ErrBadState) {
			t.Errorf("%.80q: %v", text, err)
		}
	}
}
