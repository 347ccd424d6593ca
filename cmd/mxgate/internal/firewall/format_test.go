package firewall

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"mxgate/policy/provider"
)

var update = flag.Bool("update", false, "write the expected rules anew")

// example is the list that testdata has in every format.
func example(t *testing.T) *List {
	t.Helper()
	l, err := Build([]provider.Source{
		source("our-provider", "microsoft365", "", "40.92.0.0/15", "2a01:111:f400::/48"),
		source("old provider", "proofpoint", "2027-01-31", "192.0.2.0/24", "2001:db8:25::/48"),
		source("branch", "", "", "198.51.100.7/32"),
		source("left", "", "2026-10-31", "203.0.113.0/24"),
	}, Options{Now: now, Ports: []uint16{25, 465}})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestRulesAreAsExpected(t *testing.T) {
	for _, f := range Formats() {
		t.Run(f.Name, func(t *testing.T) {
			got, err := f.Write(example(t))
			if err != nil {
				t.Fatal(err)
			}
			got += "\n==== undo\n" + f.WriteUndo(example(t)) + "\n==== notes\n" + strings.Join(f.Notes(example(t)), "\n") + "\n"
			file := filepath.Join("testdata", f.Name+".txt")
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil || got != string(want) {
				t.Errorf("%v; the rules differ from %s:\n%s", err, file, got)
			}
		})
	}
}

// No format loses or adds an address, whatever the names of the sources are, and
// each file is known for its own format and no other.
func TestEveryFormatHoldsTheWholeList(t *testing.T) {
	var many []string
	for i := range 700 {
		many = append(many, fmt.Sprintf("10.%d.%d.0/27", i/250, i%250), fmt.Sprintf("2001:db8:%x:1234:5678:9abc:def0:0/125", i))
	}
	lists := map[string][]provider.Source{
		"example":   {source("a", "microsoft365", "", "40.92.0.0/15", "2001:db8::/32"), source("b", "", "2027-01-31", "192.0.2.7/32")},
		"IPv4 only": {source("a", "", "", "192.0.2.0/24")},
		"IPv6 only": {source("a", "", "", "2001:db8::/32")},
		"all end":   {source("a", "", "2027-01-31", "192.0.2.0/24", "2001:db8::/32")},
		"hostile":   {source(hostile, "", "2027-01-31", "192.0.2.0/24"), source(strings.ToUpper(hostile), "", "", "2001:db8::/32")},
		"many":      {source("many", "", "", many...)},
		"everybody": {source("all", "", "", "0.0.0.0/0", "::/0")},
	}
	for name, sources := range lists {
		l, err := Build(sources, Options{Now: now, Ports: []uint16{25}, Wide: true})
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range Formats() {
			text, err := f.Write(l)
			if err != nil {
				t.Fatal(err)
			}
			again, _ := f.Write(l)
			ranges, err := Read([]byte(text))
			if changes := Compare(ranges, l); err != nil || len(changes) > 0 || again != text {
				t.Errorf("%s, %s: %v, %v\n%.2000s", name, f.Name, err, changes, text)
			}
			if strings.Contains(text, "`") || strings.Contains(text, "%PATH") || strings.Contains(text, "$(reboot") || strings.Contains(text, "\nadd rule") {
				t.Errorf("%s, %s: a name got out:\n%.2000s", name, f.Name, text)
			}
			for _, other := range Formats() {
				if strings.Contains(text, other.mark) != (other.Name == f.Name) || strings.Contains(f.WriteUndo(l), other.mark) && other.Name != f.Name {
					t.Errorf("%s, %s: the mark of %s", name, f.Name, other.Name)
				}
			}
			if f.Name == "ipset" && strings.Contains(text, "/0 comment") {
				t.Errorf("%s: hash:net takes no /0", name)
			}
			for line := range strings.Lines(text) {
				if f.Name == "netsh" && len(line) > 8191 {
					t.Errorf("%s: a line of %d characters", name, len(line))
				}
			}
		}
	}
}

func TestTheWayBackFromTheFirstFileAdmitsNobody(t *testing.T) {
	for _, f := range Formats() {
		text := f.WriteUndo(example(t))
		if ranges, err := Read([]byte(text)); err != nil || len(ranges) > 0 && f.Name != "aws" && f.Name != "exchange" { // aws: to be revoked; exchange: as new
			t.Errorf("%s: %v, %v\n%s", f.Name, ranges, err, text)
		}
	}
}

func TestCloudsGetJSONTheyKnow(t *testing.T) {
	var azure struct {
		SecurityRules []struct {
			Name       string
			Properties struct {
				Priority              int
				Access, Direction     string
				SourceAddressPrefix   string
				SourceAddressPrefixes []netip.Prefix
				DestinationPortRanges []string
			}
		}
	}
	decode := func(name string, into any) {
		t.Helper()
		f, err := Lookup(name)
		if err != nil {
			t.Fatal(err)
		}
		text, err := f.Write(example(t))
		if err != nil || json.Unmarshal([]byte(text), into) != nil {
			t.Fatalf("%v\n%s", err, text)
		}
	}
	decode("azure", &azure)
	rules := azure.SecurityRules
	if n := len(rules); n != 3 || rules[2].Properties.Access != "Deny" || rules[2].Properties.SourceAddressPrefix != "Internet" ||
		rules[0].Properties.Priority >= rules[2].Properties.Priority || rules[1].Properties.Priority >= rules[2].Properties.Priority {
		t.Errorf("%+v", rules)
	}
	for _, r := range rules[:2] {
		for _, p := range r.Properties.SourceAddressPrefixes { // Azure takes one family in a rule
			if p.Addr().Is4() != rules[0].Properties.SourceAddressPrefixes[0].Addr().Is4() && r.Name == rules[0].Name {
				t.Errorf("%s: %v", r.Name, r.Properties.SourceAddressPrefixes)
			}
		}
	}
	var aws struct {
		IPPermissions []struct {
			IPProtocol       string `json:"IpProtocol"`
			FromPort, ToPort int
			IPRanges         []map[string]string `json:"IpRanges"`
			IPv6Ranges       []map[string]string `json:"Ipv6Ranges"`
		} `json:"IpPermissions"`
	}
	decode("aws", &aws)
	if p := aws.IPPermissions; len(p) != 2 || p[0].FromPort != 25 || p[1].ToPort != 465 || len(p[0].IPRanges) != 3 || len(p[1].IPv6Ranges) != 2 ||
		p[0].IPRanges[0]["CidrIp"] != "40.92.0.0/15" || p[0].IPv6Ranges[0]["CidrIpv6"] == "" {
		t.Errorf("%+v", p)
	}
}

func TestLimitsOfAFirewallAreTold(t *testing.T) {
	many := func(n int, format string) (all []string) {
		for i := range n {
			all = append(all, fmt.Sprintf(format, i/256, i%256))
		}
		return all
	}
	const four, six = "10.%d.%d.0/28", "2001:db8:%x:%x::/64"
	for _, c := range []struct {
		name   string
		ranges []string
		ports  []uint16
		refuse string // formats
		quota  bool
	}{
		{"of Azure", many(maxAzure+1, four), []uint16{25}, "azure azure-cli", true},
		{"of a set", many(maxIpset+1, "2001:db8:%x:%x::/128"), []uint16{25}, "ipset azure azure-cli", true},
		{"60 rules of each family", append(many(quotaAWS, four), many(quotaAWS, six)...), []uint16{25}, "", false},
		{"61 of one", many(quotaAWS+1, six), []uint16{25}, "", true},
		{"31 on two ports", many(31, four), []uint16{25, 465}, "", true},
		{"30 on two ports", many(30, four), []uint16{25, 465}, "", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := &List{Ports: c.ports}
			for _, r := range c.ranges {
				l.Entries = append(l.Entries, Entry{Range: netip.MustParsePrefix(r), Source: "many", Stated: "written by hand"})
			}
			for _, f := range Formats() {
				_, err := f.Write(l)
				if refuse := slices.Contains(strings.Fields(c.refuse), f.Name); refuse != errors.Is(err, ErrFormat) {
					t.Errorf("%s: %v", f.Name, err)
				}
				if quota := c.quota && strings.HasPrefix(f.Name, "aws"); quota != strings.Contains(strings.Join(f.Notes(l), "\n"), "quota") {
					t.Errorf("%s: %q", f.Name, f.Notes(l))
				}
			}
		})
	}
	if _, err := Lookup("cisco"); !errors.Is(err, ErrFormat) || !strings.Contains(err.Error(), "nft, ipset") {
		t.Error(err)
	}
}

// netsh has no name in which a list could be changed: the new one is there before
// the old one goes.
func TestNetshAdmitsAWholeListAtEachMoment(t *testing.T) {
	var ranges []string
	for i := range 700 {
		ranges = append(ranges, fmt.Sprintf("10.%d.%d.0/27", i/250, i%250))
	}
	f, err := Lookup("netsh")
	if err != nil {
		t.Fatal(err)
	}
	text, err := f.Write(build(t, source("many", "", "", ranges...)))
	if err != nil {
		t.Fatal(err)
	}
	rules := map[string]int{netshName: 2, netshOther: 0} // after an earlier run
	for line := range strings.Lines(text) {
		_, tail, ok := strings.Cut(line, `rule name="`)
		if !ok {
			continue
		}
		name, _, _ := strings.Cut(tail, `"`)
		if strings.Contains(line, " add ") {
			rules[name]++
		} else {
			rules[name] = 0
		}
		if rules[netshName] < 2 && rules[netshOther] < 2 {
			t.Fatalf("%v after %.100s", rules, line)
		}
	}
	if rules[netshName] != 2 || rules[netshOther] != 0 {
		t.Errorf("in the end: %v", rules)
	}
}
