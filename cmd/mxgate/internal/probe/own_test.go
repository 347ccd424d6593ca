package probe

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"mxgate/policy/dns"
	"mxgate/policy/mail"
)

const zone = `
example.com          MX    10 mx.provider.example
example.com          A     203.0.113.80
two.example.com      MX    10 mx.provider.example
mx.provider.example  A     192.0.2.25
mx.provider.example  AAAA  2001:db8:25::1
mail.example.com     A     203.0.113.5
mail.example.com     AAAA  2001:db8::5
old.example.com      CNAME mail.example.com
odd.example.com      A     0.0.0.0
odd.example.com      A     0.1.2.3
odd.example.com      A     240.0.0.1
half.example.com     A     203.0.113.9
half.example.com     AAAA  SERVFAIL
slow.example.com     A     SERVFAIL
store.example.net    A     198.51.100.1
other.example.org    A     198.51.100.66
5.113.0.203.in-addr.arpa     PTR  mail.example.com
66.100.51.198.in-addr.arpa   PTR  mail.example.com
67.100.51.198.in-addr.arpa   PTR  third.example.org
third.example.org    A     198.51.100.67
`

func TestOnlyWhatTheConfigurationNamesIsFound(t *testing.T) {
	own := Own{Domains: []mail.Domain{"example.com"}, Hosts: []string{"gate.example.com", "store.example.net", "10.0.0.5"}}
	r := dns.MustSnapshot(t, zone)
	for _, c := range []struct {
		host, want string
		fault      string
		foreign    bool
	}{
		{"mail.example.com", "203.0.113.5 2001:db8::5", "", false},
		{"MAIL.Example.COM.", "203.0.113.5 2001:db8::5", "", false},
		{"example.com", "203.0.113.80", "", false},
		{"store.example.net", "198.51.100.1", "", false},
		{"10.0.0.5", "10.0.0.5", "", false},
		{"::ffff:10.0.0.5", "10.0.0.5", "", false},
		{"203.0.113.5", "203.0.113.5", "", false},               // its name leads back
		{"198.51.100.66", "", "give a name below one of", true}, // its name is ours, but leads elsewhere
		{"198.51.100.67", "", "give a name below one of", true}, // its name is not
		{"198.51.100.68", "", "give a name below one of", true}, // it has none
		{"other.example.org", "", "not named by the configuration", true},
		{"badexample.com", "", "not named by the configuration", true},
		{"half.example.com", "203.0.113.9", "AAAA", false},
		{"slow.example.com", "", "A", false},
		{"odd.example.com", "", "has addresses that no server can have", false},
		{"none.example.com", "", "not", false},
		{"0.0.0.0", "", "no address that a server can have", false},
		{"fe80::1%eth0", "", "no address that a server can have", false},
		{"240.0.0.1", "", "no address that a server can have", false},
		{"255.255.255.255", "", "no address that a server can have", false},
		{"mail.example.com:25", "", "without a port", false},
		{"", "", "expected a host name or an address", false},
	} {
		t.Run(c.host, func(t *testing.T) {
			targets, faults := Find(t.Context(), r, own, []string{c.host})
			var got []string
			for _, x := range targets {
				got = append(got, x.Addr.String())
			}
			if strings.Join(got, " ") != c.want {
				t.Errorf("%q, want %q", got, c.want)
			}
			err := errors.Join(faults...)
			if (err != nil) != (c.fault != "") || err != nil && !strings.Contains(err.Error(), c.fault) || errors.Is(err, ErrForeign) != c.foreign {
				t.Errorf("%v, want %q", err, c.fault)
			}
		})
	}
}

func TestAnAddressIsAskedOnceForAllItsNames(t *testing.T) {
	own := Own{Domains: []mail.Domain{"example.com"}}
	targets, faults := Find(t.Context(), dns.MustSnapshot(t, zone), own, []string{"mail.example.com", "old.example.com", "203.0.113.5", "old.example.com"})
	if len(targets) != 2 || len(faults) > 0 || fmt.Sprint(targets[0].Hosts) != "[mail.example.com old.example.com 203.0.113.5]" {
		t.Errorf("%v, %v", targets, faults)
	}
}

func TestNamesAreBounded(t *testing.T) {
	var zone strings.Builder
	var hosts []string
	for i := range 40 {
		fmt.Fprintf(&zone, "many.example.com A 203.0.113.%d\n", i+1)
	}
	for range MaxHosts + 1 {
		hosts = append(hosts, "many.example.com")
	}
	own := Own{Domains: []mail.Domain{"example.com"}}
	targets, faults := Find(t.Context(), dns.MustSnapshot(t, zone.String()), own, hosts)
	if len(targets) != maxAddresses || len(faults) != MaxHosts+1 {
		t.Errorf("%d targets, %d faults, the last: %v", len(targets), len(faults), faults[len(faults)-1])
	}
}

func TestExchangersAreWhereTheMXLeads(t *testing.T) {
	got := fmt.Sprint(Exchangers(t.Context(), dns.MustSnapshot(t, zone), []mail.Domain{"example.com", "none.example.com", "two.example.com"}))
	if want := "[{mx.provider.example example.com 192.0.2.25} {mx.provider.example example.com 2001:db8:25::1}]"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func TestRecipientsAreOfOurDomainsOnly(t *testing.T) {
	own := Own{Domains: []mail.Domain{"example.com"}}
	for address, want := range map[mail.Address]bool{
		{Local: "a", Domain: "example.com"}: true, {Local: "a", Domain: "sub.example.com"}: false, {Local: "a", Domain: "example.org"}: false, {}: false,
	} {
		if own.Takes(address) != want {
			t.Errorf("%s: %v", address, !want)
		}
	}
}
