package config

import (
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"

	"mxgate/policy/mail"
	"mxgate/policy/provider"
)

// ofSource is minimal with lines added to its source, from line 7 on.
func ofSource(lines string) string { return edited("[[domain]]", lines+"[[domain]]") }

func TestFaultsOfSourcesAndListeners(t *testing.T) {
	listener := func(lines string) string { return minimal + "[[listener]]\n" + lines } // from line 11 on
	proxy := func(list string) string { return listener("address = \":25\"\nproxy_protocol = [" + list + "]\n") }
	const systemd = "address = \"systemd:smtp\"\n"
	for _, c := range []struct {
		name, text string
		want       []string
	}{
		{"a rate below zero", ofSource("connections_per_minute = -1\n"), []string{"c.toml:7: source[0].connections_per_minute = -1: expected a number from 1 to 1000000, or 0 for no limit"}},
		{"a rate that is none", ofSource("connections_per_minute = 1000001\n"), []string{"c.toml:7: source[0].connections_per_minute = 1000001"}},
		{"a rate with a unit", ofSource("connections_per_minute = \"60/m\"\n"), []string{"c.toml:7: source[0].connections_per_minute", "a whole number"}},
		{"messages below zero", minimal + "[limits]\nmessages_per_sender = -1\n", []string{"c.toml:11: limits.messages_per_sender = -1: expected a number from 0 to 1000000"}},
		{"a switch in quotes", ofSource("xclient = \"true\"\n"), []string{"c.toml:7: source[0].xclient", "true or false"}},
		{"a near miss with a star", ofSource("near_miss = [\"a.example\", \"*.b.example\"]\n"), []string{`c.toml:7: source[0].near_miss[1] = "*.b.example": expected the end of the names`, "without a star"}},
		{"a near miss that is everybody", ofSource("near_miss = [\"com\"]\n"), []string{"c.toml:7: source[0].near_miss[0]"}},
		{"a near miss without brackets", ofSource("near_miss = \"a.example\"\n"), []string{`source[0].near_miss = "a.example": expected a list in brackets: ["a.example"]`}},
		{"a balancer that is a name", proxy(`"lb.example"`), []string{`c.toml:12: listener[0].proxy_protocol[0] = "lb.example": expected a network such as 192.0.2.0/24`}},
		{"a balancer with bits behind the prefix", proxy(`"192.0.2.5", "192.0.2.1/24"`), []string{"c.toml:12: listener[0].proxy_protocol[1]", "192.0.2.0/24"}},
		{"balancers that are everybody", proxy(`"0.0.0.0/0"`), []string{"listener[0].proxy_protocol[0]", "strangers", "at least /8"}},
		{"balancers that are everybody with IPv6", proxy(`"::/0"`), []string{"listener[0].proxy_protocol[0]", "at least /16"}},
		{"a mapped balancer", proxy(`"::ffff:192.0.2.5"`), []string{"listener[0].proxy_protocol[0]", "IPv4 form"}},
		{"a balancer without brackets", listener("address = \":25\"\nproxy_protocol = \"192.0.2.5\"\n"), []string{`listener[0].proxy_protocol = "192.0.2.5": expected a list in brackets: ["192.0.2.5"]`}},
		{"systemd without a name", listener("address = \"systemd:\"\n"), []string{`c.toml:11: listener[0].address = "systemd:": expected "systemd:" and the FileDescriptorName`}},
		{"a name that systemd cannot give", listener("address = \"systemd:a:b\"\n"), []string{"c.toml:11: listener[0].address", "FileDescriptorName"}},
		{"a name of systemd with a space", listener("address = \"systemd:a b\"\n"), []string{"c.toml:11: listener[0].address", "FileDescriptorName"}},
		{"a name of systemd beyond ASCII", listener("address = \"systemd:ä\"\n"), []string{"c.toml:11: listener[0].address", "FileDescriptorName"}},
		{"a name too long for systemd", listener("address = \"systemd:" + strings.Repeat("a", 256) + "\"\n"), []string{"c.toml:11: listener[0].address", "FileDescriptorName"}},
		{"one name of systemd twice", listener(systemd + "[[listener]]\n" + systemd), []string{"c.toml:13: listener[1].address", "is taken by listener[0].address already"}},
		{"a listener that is a host name", listener("address = \"localhost:25\"\n"), []string{"c.toml:11: listener[0].address", "ADDRESS:PORT", "systemd:NAME"}},
	} {
		t.Run(c.name, func(t *testing.T) { wantFault(t, parseFaults(t, c.text), c.want...) })
	}
}

func TestSocketsAreBuiltInOrder(t *testing.T) {
	cfg := mustParse(t, minimal+`
[[listener]]
address = "127.0.0.1:25"
[[listener]]
address = "systemd:smtp"
proxy_protocol = ["192.0.2.5", "2001:db8::/32"]
[[listener]]
address = "systemd:plain"
proxy_protocol = []
`)
	want := []Socket{
		{Address: "127.0.0.1:25"},
		{Systemd: "smtp", Balancers: []netip.Prefix{netip.MustParsePrefix("192.0.2.5/32"), netip.MustParsePrefix("2001:db8::/32")}},
		{Systemd: "plain"},
	}
	if !reflect.DeepEqual(cfg.Sockets, want) {
		t.Errorf("got %+v, want %+v", cfg.Sockets, want)
	}
	if got := mustParse(t, minimal).Sockets; !reflect.DeepEqual(got, []Socket{{Address: ":25"}}) {
		t.Errorf("without [[listener]]: %+v", got)
	}
}

func TestASourceIsGrantedWhatItsKeysSay(t *testing.T) {
	if got := mustParse(t, minimal).Grants["provider"]; !reflect.DeepEqual(got, Grant{}) {
		t.Errorf("by default: %+v", got)
	}
	got := mustParse(t, ofSource("xclient = true\nconnections_per_minute = 60\nnear_miss = [\"MX.Provider.example\"]\n")).Grants["provider"]
	if want := (Grant{Xclient: true, ConnectionsPerMinute: 60, NearMiss: []mail.Domain{"mx.provider.example"}}); !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

// Without near_miss the catalogue says what hosts a provider delivers from, and
// knows it of all but appliances.
func TestTheCatalogueNamesTheHostsOfNearMisses(t *testing.T) {
	for _, id := range provider.IDs() {
		text := ofSource("provider = \"" + id + "\"\n")
		names := mustParse(t, text).Grants["provider"].NearMiss
		if len(names) == 0 && id != "barracuda-appliance" {
			t.Errorf("%s has no names", id)
		}
		for _, name := range names {
			if d, err := mail.ParseDomain(string(name)); err != nil || d != name || !strings.Contains(string(d), ".") {
				t.Errorf("%s: %q is no end of host names: %v", id, name, err)
			}
		}
		if off := mustParse(t, ofSource("near_miss = []\nprovider = \""+id+"\"\n")).Grants["provider"].NearMiss; len(off) > 0 {
			t.Errorf("%s: [] leaves %v", id, off)
		}
	}
	if names := mustParse(t, ofSource("provider = \"microsoft365\"\n")).Grants["provider"].NearMiss; !slices.Contains(names, "outbound.protection.outlook.com") {
		t.Errorf("microsoft365 delivers from %v", names)
	}
}
