package received

import (
	"net/netip"
	"slices"
	"strings"

	"mxgate/policy/mail"
)

// Class says where a message came to the provider from.
type Class string

// The classes. All but Outside have no origin: nobody's SPF record speaks for the
// message. Those three say that the provider has made the message or has it from
// a customer, not from which one: what a provider's ranges admit is mail of all
// its customers. They are facts to decide on, and no proof.
const (
	Outside        Class = "outside"         // from a client that the provider's border saw
	WithinProvider Class = "internal"        // made within the provider, by whichever of its customers
	WithinTenant   Class = "tenant-internal" // made within it, and it says that the customer is Boundary.Tenant
	ByProvider     Class = "provider-origin" // made within it and without a reverse-path: a bounce, or a reply of a machine
	Unknown        Class = "unknown"
)

// Find finds out who handed the message of tx to the provider: it walks the
// trace, weighs the result against what the provider states in a field of its
// own, and gives what came from nobody outside its class.
//
// It uses the envelope's reverse-path and ReceivedAt of tx.
func Find(tx *mail.Transaction, b Boundary) Origin {
	hops := Hops(tx.Message)
	o := Walk(hops, b, tx.ReceivedAt)
	switch {
	case o.IP.IsValid():
		if w, ok := b.Witness(tx.Message, o); ok {
			o = o.Weigh(w)
		}
		return o
	case o.Class == WithinProvider:
		o.Class = b.classOf(tx)
	}
	if known := len(b.Ingress)+len(b.Inner)+len(b.ReceivedBy) > 0; known {
		o.HopMissing = len(hops) == 0 || b.roleOf(&hops[0], hostKey(hops[0].By)) == roleNone
	}
	return o
}

// classOf tells apart what the provider has from nobody outside.
func (b Boundary) classOf(tx *mail.Transaction) Class {
	// A client that the provider tells of elsewhere: the trace is not whole.
	if _, told := b.Witness(tx.Message, Origin{Field: len(tx.Message.Fields)}); told {
		return Unknown
	}
	switch {
	case tx.Envelope.ReversePath.IsNull():
		return ByProvider
	case b.ofTenant(tx.Message):
		return WithinTenant
	}
	return WithinProvider
}

// authAs are the fields in which Exchange says whether the sender had signed in.
var authAs = []string{"X-MS-Exchange-Organization-AuthAs", "X-MS-Exchange-CrossTenant-AuthAs"}

// ofTenant reports whether the provider says that the message is our tenant's, and
// nothing speaks against it. A field that stands twice may have come with the
// message, and says nothing.
func (b Boundary) ofTenant(m *mail.Message) bool {
	says := false
	for _, name := range b.TenantFields {
		switch fields := m.Named(name); {
		case len(fields) == 0:
		case len(fields) > 1 || b.Tenant == "" || !strings.EqualFold(firstWord(fields[0].Value()), b.Tenant):
			return false
		default:
			says = true
		}
	}
	for _, name := range authAs {
		if slices.ContainsFunc(m.Named(name), func(f mail.Field) bool { return !strings.EqualFold(f.Value(), "Internal") }) {
			return false
		}
	}
	return says
}

// firstWord cuts off what stands behind the name of a tenant: "name:0".
func firstWord(s string) string {
	if i := strings.IndexAny(s, ":;, \t"); i >= 0 {
		return s[:i]
	}
	return s
}

// Weigh lets w speak about o. The same address raises the confidence by one
// step; another one leaves no origin, because one of the two was forged, unless
// a seal shows it: that is signed, and the trace is not.
func (o Origin) Weigh(w Witness) Origin {
	if !o.IP.IsValid() || w.Name == "" {
		return o
	}
	o.Witness = w
	switch {
	case o.IP == w.IP:
		o.Why += "; " + w.Name + " says the same"
		if o.Confidence == Low {
			o.Confidence = Medium
		} else {
			o.Confidence = High
		}
	case w.Sealed && w.IP.IsValid():
		o.Why += "; but " + w.Name + ", which is signed, shows client " + w.IP.String()
		o.IP, o.Helo, o.Method, o.Confidence = w.IP, "", MethodSeal, Medium
	default:
		other := "two different ones"
		if w.IP.IsValid() {
			other = w.IP.String()
		}
		o.Why += "; but " + w.Name + " shows " + other
		o.IP, o.Helo, o.Method, o.Confidence, o.Class = netip.Addr{}, "", MethodNone, None, Unknown
	}
	return o
}
