package provider

import (
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
		"microsoft365":  {{"*.mail.protection.outlook.com"}, {"*.prod.outlook.com from 2603:1000::/24 2a01:111::/32", "*.outlook.office365.com from 2603:1000::/24 2a01:111::/32", "*.prod.exchangelabs.com from 2603:1000::/24 2a01:111::/32"}},
		"google":        {{"mx.google.com"}, {"2002:* without from", "mail-*.google.com without from"}},
		"proofpoint":    {{"mx0*-*.pphosted.com (PPS)", "mx0*-*.pphosted.com id *-1"}, nil},
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
