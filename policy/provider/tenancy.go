package provider

import (
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"net/netip"
	"path"
	"slices"
	"strings"

	"mxgate/policy/mail"
)

// maxSecretFields is how many fields of the secret's name are looked at, the
// newest first: each is a guess.
const maxSecretFields = 8

// Facts are what a message shows of the tenant that it came through.
type Facts struct {
	// Listener is our end of the connection: behind a balancer, the one that
	// it says its client came to.
	Listener netip.AddrPort
	// Certificate has the DNS names of the client's certificate, if that was
	// verified against a CA that the operator trusts; else it is empty.
	Certificate []string
	// Ingress is the `by` host of the provider's ingress hop that the walk came
	// to, "" if it came to none.
	Ingress string
	Message *mail.Message // nil: none has come yet
}

// TenancyState says whose message it is.
type TenancyState string

// The states. Unbound: nothing is demanded, the ranges say all there is.
const (
	Unbound  TenancyState = "unbound"
	Bound    TenancyState = "bound"    // all proofs are there
	Unproven TenancyState = "unproven" // a proof is missing
	Foreign  TenancyState = "foreign"  // a proof is there, and it is another tenant's
)

// Tenancy is how a message meets the bindings of its source.
type Tenancy struct {
	State TenancyState `json:"state"`
	Kind  BindingKind  `json:"kind,omitempty"` // of the binding that decided; with Bound the first
	Why   string       `json:"why,omitempty"`  // a sentence for people; text of a peer in it is quoted
}

// Judge compares what a message shows with what s demands. All bindings must be
// met: who demands two proofs has a reason. One that is foreign counts before one
// that is missing.
func (s Source) Judge(f Facts) Tenancy {
	if len(s.Bind) == 0 {
		return Tenancy{State: Unbound}
	}
	result := Tenancy{State: Bound, Kind: s.Bind[0].Kind}
	for _, b := range s.Bind {
		state, why := b.judge(s.Provider, f)
		if state == Bound || result.State == Foreign || result.State == state {
			continue
		}
		result = Tenancy{state, b.Kind, why}
	}
	return result
}

func (b Binding) judge(id string, f Facts) (TenancyState, string) {
	switch b.Kind {
	case BindCertificate:
		return b.judgeCertificate(f.Certificate)
	case BindHeader:
		return b.judgeHeader(f.Message)
	case BindTenant:
		return b.judgeTenant(id, f.Ingress)
	case BindListener:
		return b.judgeListener(f.Listener)
	}
	return Unproven, "A binding of an unknown kind is demanded"
}

func (b Binding) judgeCertificate(names []string) (TenancyState, string) {
	if len(names) == 0 {
		return Unproven, "The client has shown no TLS certificate that a trusted CA vouches for"
	}
	for _, name := range names {
		if slices.Contains(b.Names, strings.ToLower(strings.TrimSuffix(name, "."))) {
			return Bound, ""
		}
	}
	return Foreign, fmt.Sprintf("The client's certificate is for %.80q, not for our tenant", names[0])
}

// judgeHeader looks for a secret. Neither how much of it a value has right, nor
// which secret it is, changes the time that takes.
func (b Binding) judgeHeader(m *mail.Message) (TenancyState, string) {
	if m == nil {
		return Unproven, "The header has not been seen"
	}
	seen, right := 0, 0
	for _, field := range m.Fields {
		if !field.Is(b.Field) {
			continue
		}
		if seen++; seen > maxSecretFields {
			break
		}
		if len(field.Raw) > 2*maxSecretOctets {
			continue
		}
		sum := sha256.Sum256([]byte(field.Value()))
		for _, secret := range b.Secrets {
			right |= subtle.ConstantTimeCompare(sum[:], secret[:])
		}
	}
	switch {
	case right == 1:
		return Bound, ""
	case seen == 0:
		return Unproven, "The field " + b.Field + ", which our tenant adds, is missing"
	}
	return Foreign, "The field " + b.Field + " does not have the secret of our tenant"
}

func (b Binding) judgeTenant(id, ingress string) (TenancyState, string) {
	if ingress == "" {
		return Unproven, "No ingress host of the provider is known that could name the tenant"
	}
	host := strings.ToLower(strings.TrimSuffix(ingress, "."))
	e, _ := Lookup(id)
	readable := false // the host names some tenant
	for _, name := range b.Names {
		if strings.Contains(name, ".") {
			if within(host, name) {
				return Bound, ""
			}
			readable = true
			continue
		}
		for _, glob := range e.TenantBy {
			if globTenant(glob, name, host) {
				return Bound, ""
			}
			readable = readable || globTenant(glob, "*", host)
		}
	}
	if !readable {
		return Unproven, fmt.Sprintf("The ingress host %.80q does not name a tenant", ingress)
	}
	return Foreign, fmt.Sprintf("The ingress host %.80q is not one of our tenant", ingress)
}

func (b Binding) judgeListener(at netip.AddrPort) (TenancyState, string) {
	if !at.IsValid() {
		return Unproven, "It is not known to which address of ours the client connected"
	}
	addr := at.Addr().Unmap().WithZone("")
	for _, l := range b.Listeners {
		if (!l.Addr().IsValid() || l.Addr() == addr) && (l.Port() == 0 || l.Port() == at.Port()) {
			return Bound, ""
		}
	}
	return Foreign, fmt.Sprintf("The client connected to %s, which only others are told", netip.AddrPortFrom(addr, at.Port()))
}

// globTenant reports whether host fits glob with id for "<tenant>".
func globTenant(glob, id, host string) bool {
	want, is := strings.Split(strings.ReplaceAll(glob, "<tenant>", id), "."), strings.Split(host, ".")
	if len(want) != len(is) {
		return false
	}
	for i := range want {
		if ok, err := path.Match(want[i], is[i]); !ok || err != nil {
			return false
		}
	}
	return true
}
