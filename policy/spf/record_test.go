package spf

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"mxgate/policy/dns"
	"mxgate/policy/mail"
)

func TestSyntax(t *testing.T) {
	good := []string{
		"", "  all ", "-ALL", "a mx ptr", "a:example.com/24//64", "mx//128", "a/0", "ip4:192.0.2.1", "ip4:192.0.2.0/32",
		"ip6:2001:DB8::/32", "ip6:::ffff:192.0.2.1", "include:_spf.example.com", "include:%{d}", "exists:%{ir}.%{l1r-}._spf.%{d2}",
		"redirect=example.com. exp=e.example.com", "x-tension=%{s}%%%_%-", "unknown=", "a:museum.example-x",
	}
	for _, terms := range good {
		if _, err := parseRecord("v=spf1 " + terms); err != nil {
			t.Errorf("%q: %v", terms, err)
		}
	}
	bad := []string{
		"all.", "all:", "-", "+-all", "bogus", "ip4", "ip4:", "ip4:192.0.2", "ip4:192.0.2.1/33", "ip4:192.0.2.1/", "ip4:192.0.2.01",
		"ip4:2001:db8::", "ip6:192.0.2.1", "ip6:2001:db8::/129", "ip6:fe80::1%eth0", "a:", "a/33", "a//129", "a/024", "a:museum",
		"a:example.1", "include", "include:", "include:x/24", "exists", "exists:", "ptr:", "redirect=", "redirect:example.com",
		"redirect=a.example redirect=b.example", "exp=a.example EXP=b.example", "-redirect=a.example", "%{s}=x", "1a=b",
		"exists:%{z}.example", "exists:%{d0}.example", "exists:%{c}.example", "exists:%{d", "exists:%d.example", "exists:%",
		"a:\u00fc.example", "a\tmx", "all\x00", "redirect=a.example/24",
	}
	for _, terms := range bad {
		if _, err := parseRecord("v=spf1 " + terms); err == nil {
			t.Errorf("%q is accepted", terms)
		}
	}
	if _, err := parseRecord("v=spf1 " + strings.Repeat("a ", maxRecordOctets)); err == nil {
		t.Error("a record of any length is accepted")
	}
}

func TestOnlySPFRecordsAreRecords(t *testing.T) {
	for txt, want := range map[string]bool{"v=spf1": true, "V=SPF1 -all": true, "v=spf10": false, " v=spf1": false, "v=spf1\t-all": false, "v=spf": false, "": false} {
		if isRecord(txt) != want {
			t.Errorf("%q: %t", txt, !want)
		}
	}
}

func FuzzRecord(f *testing.F) {
	for _, record := range []string{"v=spf1 -all", "v=spf1 include:%{l}.example.com a/24//64 ~all", "v=spf1 exists:%{ir}.%{v}.x.example redirect=x.example", "v=spf1 ip6:2001:db8::/32 mx:y.example"} {
		f.Add(record, "192.0.2.1", "user")
	}
	f.Add("v=spf1 \u03aa", "192.0.2.1", "user") // was shown as it stands
	f.Fuzz(func(t *testing.T, record, client, local string) {
		ip, err := netip.ParseAddr(client)
		if err != nil {
			return
		}
		zone := dns.MustSnapshot(t, "")
		zone.Add("example.com", "TXT", record)
		zone.Add("x.example", "A", "192.0.2.1")
		got := Check(t.Context(), zone, ip, "helo.example", mail.Address{Local: local, Domain: "example.com"})
		switch got.Status {
		case mail.None, mail.Neutral, mail.Pass, mail.Fail, mail.SoftFail, mail.PermError:
		default:
			t.Fatalf("%q: %+v", record, got)
		}
		var terms []term
		if isRecord(record) {
			var err error
			if terms, err = parseRecord(record); err != nil && got.Status != mail.PermError {
				t.Fatalf("%q: %+v", record, got)
			}
		}
		if !isPrintable(got.Why + got.Term + got.Explanation) {
			t.Fatalf("%q: unprintable %+v", record, got)
		}
		if got.Term != "" && !slices.ContainsFunc(terms, func(t term) bool { return strings.HasPrefix(t.text, got.Term) }) {
			t.Fatalf("%q: has no term %q", record, got.Term)
		}
		for _, term := range terms { // what the grammar lets through the macro code must be able to read
			e := &evaluation{dns: zone, client: ip.Unmap().WithZone(""), local: local, domain: "example.com", helo: "helo.example"}
			if _, ok := e.expand(t.Context(), term.spec, "example.com", false); !ok && len(record) < 100 {
				t.Fatalf("%q: cannot expand %q", record, term.spec)
			}
			if name := e.name(t.Context(), term.spec, "example.com"); name != "" && dns.CheckName(name) != nil {
				t.Fatalf("%q: %q", record, name)
			}
		}
	})
}
