package provider

import (
	"crypto/sha256"
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// BindingKind says what proves that a message came through our tenant.
type BindingKind string

// The kinds of bindings.
const (
	BindCertificate BindingKind = "certificate" // a name in the client's TLS certificate
	BindHeader      BindingKind = "header"      // a secret in a field that a rule of ours at the provider adds
	BindTenant      BindingKind = "tenant"      // our id in the name of the provider's ingress host
	BindListener    BindingKind = "listener"    // an address of ours that only this source is told
)

// Binding is one proof that a source demands. Of what it lists one is enough.
type Binding struct {
	Kind BindingKind
	// Names of BindCertificate are DNS names, lower case; one with a "*" stands
	// for itself, not for what it covers. Those of BindTenant are ids where the
	// catalogue knows their place in the host name ("00123456"), or the ends of
	// host names ("hc123-45.iphmx.com").
	Names []string
	// Field is the name of the header field of BindHeader, Secrets what may
	// stand in it: two, while one replaces the other.
	Field   string
	Secrets []Secret
	// Listeners of BindListener are ends of the connection on our side. The
	// zero Addr is any address, port 0 any port; not both.
	Listeners []netip.AddrPort
}

// Bounds of a secret: short ones are guessed, longer ones folded on their way.
const (
	minSecretOctets = 20
	maxSecretOctets = 200
)

// Secret is the SHA-256 of a secret: the text itself is nowhere kept, so it
// cannot be shown by accident.
type Secret [sha256.Size]byte

// NewSecret takes a secret of 20 to 200 printable ASCII characters without
// spaces. Its error is ErrBadSource and does not show the text.
func NewSecret(text string) (Secret, error) {
	odd := strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r > '~' })
	if len(text) < minSecretOctets || len(text) > maxSecretOctets || odd {
		return Secret{}, fmt.Errorf("%w: secret: expected %d to %d letters, digits and signs of ASCII, without spaces", ErrBadSource, minSecretOctets, maxSecretOctets)
	}
	return sha256.Sum256([]byte(text)), nil
}

// String does not tell: a hash of a weak secret can be turned back.
func (Secret) String() string { return "(secret)" }

// GoString is String for %#v.
func (Secret) GoString() string { return "(secret)" }

// Loose says why other customers of the provider of s can deliver as s; "" if
// they cannot, as far as is known.
func (s Source) Loose() string {
	e, ok := Lookup(s.Provider)
	if !ok || e.RangesDedicated {
		return ""
	}
	if len(s.Bind) == 0 {
		return "the ranges of " + e.Name + " are those of all its customers, and nothing tells our tenant from theirs"
	}
	for _, b := range s.Bind {
		if b.Kind != BindCertificate || !slices.ContainsFunc(b.Names, e.sharesName) {
			return ""
		}
	}
	return "the certificate that is demanded is the one that " + e.Name + " shows for all its customers"
}

// sharesName reports whether a certificate name is the provider's for all: one of
// its own domains, below one, or above one. What it has for a customer alone is
// hardly named after itself.
func (e Entry) sharesName(name string) bool {
	return strings.HasPrefix(name, "*.") ||
		slices.ContainsFunc(slices.Concat(e.MXSuffixes, e.ReceivedBySuffixes, e.EgressSuffixes, e.CertificateNames), func(suffix string) bool {
			return within(name, suffix) || within(suffix, name)
		})
}

// SecretFields lists the names of the header fields that hold secrets of any
// source. They are taken out of every message, whoever brought it: behind us
// nobody needs them, and whoever reads one could pass for our tenant.
func (x *Set) SecretFields() []string {
	var names []string
	for _, s := range x.sources {
		for _, b := range s.Bind {
			if b.Kind == BindHeader && !slices.ContainsFunc(names, func(n string) bool { return strings.EqualFold(n, b.Field) }) {
				names = append(names, b.Field)
			}
		}
	}
	return names
}
