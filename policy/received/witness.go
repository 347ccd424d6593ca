package received

import (
	"net/netip"
	"strings"

	"mxgate/policy/mail"
)

// Limits of the fields that are read besides Received.
const (
	maxWitnesses     = 16      // fields of one message
	maxWitnessOctets = 4 << 10 // of one value; a longer one says nothing
)

// Witness is the client of the provider, as it states it besides its Received
// fields. The zero Witness is none.
type Witness struct {
	IP     netip.Addr // zero: it shows two different ones
	Name   string     // of the field; "" if there is no witness
	Field  int        // index into Message.Fields
	Sealed bool       // from an ARC set of the provider, in a chain that holds
}

// witnessFields are those that can be read: key is the word before the address;
// "" means that the value is the address.
var witnessFields = []struct{ name, key string }{
	{"Authentication-Results", "(sender ip is "}, // Microsoft
	{"Received-SPF", "client-ip="},
	{"X-Forefront-Antispam-Report", "cip:"},
	{"X-MS-Exchange-CrossPremises-OriginalClientIPAddress", ""},
	{"X-MS-Exchange-CrossTenant-OriginalAttributedTenantConnectingIp", "ip="},
	{"X-Sender-IP", ""},
	{"X-BESS-Apparent-Source-IP", ""},
	{"X-Barracuda-Apparent-Source-IP", ""},
	{"X-Barracuda-Effective-Source-IP", ""},
	{"X-IronPort-RemoteIP", ""},
	{"X-TM-Received-SPF", "client-ip="},
	{"X-FE-Last-Public-Client-IP", ""},
	{"X-FEAS-Client-IP", ""},
	{"X-FEAS-SPF", "ip="},
	{"X-Originating-IP", ""},
}

// Witness finds the newest of b.Witnesses that speaks: one above the hop of o, since
// those below may have come with the message. ok is false if none does.
//
// Addresses from which no mail can come say nothing, and neither do those in
// b.Ranges while o is outside: relays of our own write such fields about the
// provider.
func (b Boundary) Witness(m *mail.Message, o Origin) (w Witness, ok bool) {
	read := 0
	for i := 0; i < min(o.Field, len(m.Fields)) && read < maxWitnesses; i++ {
		f := m.Fields[i]
		key, ok := b.witnessKey(f)
		if !ok || len(f.Raw) > maxWitnessOctets {
			continue
		}
		read++
		seen := told(f.Value(), key)
		if seen.n == 1 && b.Ranges != nil && b.Ranges(seen.addrs[0]) && seen.addrs[0] != o.IP && !(b.Chained && o.IP.IsValid() && b.Ranges(o.IP)) {
			continue
		}
		if seen.n > 0 {
			return Witness{IP: seen.sole(), Name: f.Name, Field: i}, true
		}
	}
	return Witness{}, false
}

// witnessKey returns the key of f if it is one of b.Witnesses that can be read.
func (b Boundary) witnessKey(f mail.Field) (key string, ok bool) {
	for _, text := range b.Witnesses {
		name, _, _ := strings.Cut(text, " ")
		if !f.Is(name) {
			continue
		}
		for _, known := range witnessFields {
			if f.Is(known.name) {
				return known.key, true
			}
		}
	}
	return "", false
}

// told collects the public addresses that stand in value behind key, wherever it
// stands: the client may have written it, too, into its name.
func told(value, key string) (seen outsiders) {
	take := func(s string) {
		if end := strings.IndexAny(s, " \t;,()\"'"); end >= 0 {
			s = s[:end]
		}
		if ip, ok := parseAddr(strings.TrimRight(s, ".")); ok && isPublic(ip) {
			seen.add(ip)
		}
	}
	if key == "" {
		take(strings.TrimSpace(value))
		return seen
	}
	value = strings.ToLower(value)
	for i := strings.Index(value, key); i >= 0; i = strings.Index(value, key) {
		value = value[i+len(key):]
		take(value)
	}
	return seen
}

// sole returns the address if there is but one.
func (o *outsiders) sole() netip.Addr {
	if o.n != 1 {
		return netip.Addr{}
	}
	return o.addrs[0]
}

// sealedKeys stand before the client's address in the results that providers seal:
// Microsoft, Google twice, Hornetsecurity.
var sealedKeys = []string{"sender ip is ", " designates ", " designate ", "(ip="}

// Sealed reads the client from results, the value of the
// ARC-Authentication-Results field at index field. Whoever calls it has found
// that the chain holds, that the set is its newest, and that the sealer is the
// provider: Origin.Weigh lets it override the trace. ok is false if it names no client.
func Sealed(results string, field int) (w Witness, ok bool) {
	if len(results) > maxWitnessOctets {
		return Witness{}, false
	}
	var all outsiders
	for _, key := range sealedKeys {
		seen := told(results, key)
		for _, ip := range seen.addrs[:min(seen.n, len(seen.addrs))] {
			all.add(ip)
		}
	}
	return Witness{IP: all.sole(), Name: "ARC-Authentication-Results", Field: field, Sealed: true}, all.n > 0
}
