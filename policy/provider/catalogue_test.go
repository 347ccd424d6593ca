package provider

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
)

func TestTheCatalogueParsesWhole(t *testing.T) {
	byID, err := parse(catalogueText) // refuses unknown keys, repeated ids and bad ranges
	if err != nil {
		t.Fatal(err)
	}
	if len(byID) != 32 || len(byID) != strings.Count(string(catalogueText), "\n[[provider]]\n") {
		t.Errorf("%d providers, want 32", len(byID))
	}
	statuses := []string{"vendor-doc", "vendor-json", "vendor-mirror", "spf-snapshot", "third-party"}
	kinds := []string{"gateway", "mailbox", "appliance", "inline-api"}
	ranges := 0
	for id, e := range byID {
		if e.Name == "" || !slices.Contains(kinds, e.Kind) {
			t.Errorf("%s: name %q, kind %q", id, e.Name, e.Kind)
		}
		for _, s := range e.Ranges {
			if !slices.Contains(statuses, s.Status) || s.Source == "" || s.AsOf == "" || len(s.List) == 0 {
				t.Errorf("%s: statement without status, source, date or range: %+v", id, s)
			}
			ranges += len(s.List)
		}
		for _, suffix := range slices.Concat(e.MXSuffixes, e.ReceivedBySuffixes, e.EgressSuffixes) {
			if isProse(suffix) || strings.Contains(suffix, "*") {
				t.Errorf("%s: suffix %q is not a host name", id, suffix)
			}
		}
	}
	if ranges != 72 {
		t.Errorf("%d ranges, want 72", ranges)
	}
}

func TestTheCatalogueKeepsItsProvenance(t *testing.T) {
	for _, line := range []string{"# cidrs: ONLY ranges that a public page/repository states.", "# observed_ips: single addresses seen in public mail archives; NOT ranges"} {
		if !strings.Contains(string(catalogueText), line) {
			t.Errorf("comment lost: %s", line)
		}
	}
}

func TestOnlyPatternsAreRoles(t *testing.T) {
	for id, want := range map[string][2][]string{
		"forcepoint":    {{"rly*.srv.mailcontrol.com (MailControl)"}, {"rly*.srv.mailcontrol.com (8.)"}},
		"google":        {{"mx.google.com"}, {"2002:* without from", "mail-*.google.com without from"}},
		"proofpoint":    {{"mx0*-*.pphosted.com (PPS)", "mx0*-*.pphosted.com id *-1"}, {"mx0*-*.pphosted.com from 127.0.0.0/8"}},
		"mimecast":      {{"relay.mimecast.com"}, {"*.mimecast.lan"}},
		"messagelabs":   {{"server-*.tower-*.messagelabs.com"}, {"(qmail"}},
		"barracuda-egd": {{"mx-inbound*.ess.aws.cudaops.com"}, nil},
	} {
		e, ok := Lookup(id)
		if !ok || !slices.Equal(e.Ingress, want[0]) || !slices.Equal(e.Inner, want[1]) {
			t.Errorf("%s: ingress %q, inner %q, want %q", id, e.Ingress, e.Inner, want)
		}
	}
	for _, prose := range []string{"", "*", "*.com", "mx*", "mx.*", "esa*.iphmx.com with TLS", "mx0*-<id>.pphosted.com", "Upper.example.com", "localhost", "(x", "mx.example.com from", "mx.example.com from 10.x", "mx.example.com id", "mx.example.com (x", "2002:*", "x:* without from"} {
		if !isProse(prose) {
			t.Errorf("%q passes for a pattern", prose)
		}
	}
}

// A customer may hand in mail from a machine of his in Azure at the hosts of his
// mailbox: only addresses of the mail service are within it.
func TestTheInnerNetsOfMicrosoft365AreThoseOfItsMail(t *testing.T) {
	e, _ := Lookup("microsoft365")
	if len(e.Inner) != 3 || !slices.Equal(e.Ingress, []string{"*.mail.protection.outlook.com", "*.mail.protection.office365.us"}) {
		t.Fatalf("ingress %q, inner %q", e.Ingress, e.Inner)
	}
	for _, pattern := range e.Inner {
		_, nets, ok := strings.Cut(pattern, " from ")
		holds := func(addr string) bool {
			return slices.ContainsFunc(strings.Fields(nets), func(n string) bool {
				return netip.MustParsePrefix(n).Contains(netip.MustParseAddr(addr))
			})
		}
		for _, mail := range []string{"2603:10a6:20b:310::6", "2603:10b6:a03:134::26", "2603:1096:d00::1", "2603:10c6:220:ff::9", "2603:10d6:300::1", "2603:1026:900::1", "2603:1036:900::1", "2a01:111:e400:7e1a::1", "2a01:111:f400:fe02::200", "2a01:111:f403:c112::5", "2001:489a:200:18b::15"} {
			if !holds(mail) {
				t.Errorf("%s: %s is left out", pattern, mail)
			}
		}
		for _, cloud := range []string{"2603:1020:201:10::5", "2603:1030:405:402::1", "2603:1000:4::1", "2603:1046:1500:38::1", "2603:1026:2405::1", "2603:1026:3000:c0::1", "2603:1061:1300::1", "2603:1063:2000::1", "2603:10e1:100:2::1", "2a01:111:f100:2000::1", "2001:489a:3800::1", "40.107.1.1"} {
			if !ok || holds(cloud) {
				t.Errorf("%s: %s is within", pattern, cloud)
			}
		}
	}
}

func TestIDsAreSortedAndKnown(t *testing.T) {
	ids := IDs()
	if !slices.IsSorted(ids) {
		t.Errorf("not sorted: %q", ids)
	}
	for _, id := range ids {
		if e, ok := Lookup(id); !ok || e.ID != id {
			t.Errorf("Lookup(%q) = %q, %v", id, e.ID, ok)
		}
	}
	if _, ok := Lookup("nobody"); ok {
		t.Error("an unknown id is known")
	}
}

func TestABadCatalogueIsRefused(t *testing.T) {
	const meta = "[meta]\nschema = 1\n"
	for name, c := range map[string]struct{ text, want string }{
		"unknown key":  {meta + "[[provider]]\nid = \"a\"\ningres_by = []\n", "ingres_by"},
		"no id":        {meta + "[[provider]]\nname = \"A\"\n", `name "A"`},
		"id twice":     {meta + "[[provider]]\nid = \"a\"\n[[provider]]\nid = \"a\"\n", `"a" occurs twice`},
		"no range":     {meta + "[[provider]]\nid = \"a\"\n[[provider.cidrs]]\nlist = [\"192.0.2.0/33\"]\n", "192.0.2.0/33"},
		"host bits":    {meta + "[[provider]]\nid = \"a\"\n[[provider.cidrs]]\nlist = [\"192.0.2.1/24\"]\n", "192.0.2.1/24"},
		"other layout": {"[meta]\nschema = 2\n", "schema is 2, expected 1"},
		"not TOML":     {"[[", "catalogue"},
		"mapped range": {meta + "[[provider]]\nid = \"a\"\n[[provider.cidrs]]\nlist = [\"::ffff:192.0.2.0/120\"]\n", "IPv4-mapped"},
	} {
		if _, err := parse([]byte(c.text)); err == nil || !strings.Contains(describe(err), c.want) {
			t.Errorf("%s: error %v, want one with %q", name, err, c.want)
		}
	}
}
