package policy

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"mxgate/policy/mail"
	"mxgate/policy/provider"
	"mxgate/policy/received"
)

// PathVerdict says which way a message, or a connection, came.
type PathVerdict string

// The verdicts. Only the client's address is proof; Internal and ProviderOrigin
// are what the provider's trace claims, and nothing is permitted because of them:
// other customers of the provider write from the same addresses.
const (
	ViaCurrent      PathVerdict = "via_current"      // through a provider that is admitted
	ViaOld          PathVerdict = "via_old"          // from a source past its last day
	Direct          PathVerdict = "direct"           // from nobody's ranges, past the provider
	PermittedDirect PathVerdict = "permitted_direct" // from a source that delivers its own mail
	Internal        PathVerdict = "internal"         // made within the provider, by whichever of its customers
	ProviderOrigin  PathVerdict = "provider_origin"  // made by the provider, without a reverse-path: a bounce
	Undetermined    PathVerdict = "undetermined"     // Why says why
)

// Path is the way a message came to us.
type Path struct {
	Verdict  PathVerdict      `json:"verdict"`
	Source   string           `json:"source"`
	Provider string           `json:"provider,omitempty"` // id in the catalogue
	Tenancy  provider.Tenancy `json:"tenancy,omitzero"`   // zero: it cannot be judged here
	Why      string           `json:"why"`                // a sentence for people
	Field    int              `json:"field,omitempty"`    // number of the Received field that it stands on, the newest being 1; 0: none
}

// path says which way the message came, once its origin is known.
func (e *Evidence) path(tx *mail.Transaction, src provider.Source, given Given, o origin) {
	p := Path{Source: src.Name, Provider: src.Provider}
	switch {
	case src.Expired(tx.ReceivedAt):
		p.Verdict, p.Why = ViaOld, fmt.Sprintf("source %q was over when the message came", src.Name)
	case src.NotYet(tx.ReceivedAt):
		p.Verdict, p.Why = Direct, fmt.Sprintf("source %q had not begun when the message came", src.Name)
	case given.Peerless && !o.walked():
		p.Verdict, p.Why = Undetermined, "the message was read from a file, which does not show who handed it to us, and its trace was not looked at"
	case !given.Peerless && src.Origin == provider.OriginPeer:
		p.Verdict, p.Why = PermittedDirect, "the client "+tx.Client.Addr.String()+" is in source "+strconv.Quote(src.Name)+", which delivers its own mail"
	case !o.walked():
		p.Verdict, p.Why = ViaCurrent, "the client "+tx.Client.Addr.String()+" is in source "+strconv.Quote(src.Name)
	default:
		p.ofTrace(e, src, given, o.trace)
		p.Field = numberOf(tx.Message, o.trace.Field)
	}
	p.Tenancy = o.tenancy(tx, src, given)
	e.Path = p
}

// ofTrace says what the trace adds to the address of the client.
func (p *Path) ofTrace(e *Evidence, src provider.Source, given Given, o received.Origin) {
	came := "the client is in source " + strconv.Quote(src.Name)
	if given.Peerless {
		came = "the message was read from a file, and its trace says that " + strconv.Quote(or(src.Name, "nobody known")) + " brought it"
	}
	switch {
	case o.HopMissing, e.Origin.IP == "" && src.Name == "":
		p.Verdict, p.Why = Undetermined, e.Origin.Why
	case o.Class == received.WithinProvider, o.Class == received.WithinTenant:
		p.Verdict, p.Why = Internal, came+", and by its trace no client outside handed it in there; any customer of the provider can send such mail"
	case o.Class == received.ByProvider:
		p.Verdict, p.Why = ProviderOrigin, came+", and by its trace it was made there, without a reverse-path; any customer of the provider can send such mail"
	case o.IP.IsValid():
		p.Verdict, p.Why = ViaCurrent, came+", and the provider's border took it from "+e.Origin.IP
	default:
		p.Verdict, p.Why = ViaCurrent, came+"; who handed it in there is not known"
	}
}

// numberOf is how many Received fields m has down to field; 0 for none.
func numberOf(m *mail.Message, field int) int {
	n := 0
	for i := range m.Fields[:field+1] {
		if m.Fields[i].Is("Received") {
			n++
		}
	}
	return n
}

// walked reports whether the trace was looked at.
func (o *origin) walked() bool { return o.trace.Method != "" }

// tenancy judges what binds the source to our tenant. A file shows neither the
// client nor what was taken out behind us: what is not to be seen in one is not
// held against it.
func (o *origin) tenancy(tx *mail.Transaction, src provider.Source, given Given) provider.Tenancy {
	t := src.Judge(provider.Facts{Listener: tx.Client.Listener, Certificate: tx.Client.Certificate, Ingress: o.trace.By, Message: tx.Message})
	if given.Peerless && t.State == provider.Unproven {
		return provider.Tenancy{Kind: t.Kind, Why: "Not judged: a file does not show it"}
	}
	return t
}

// bindsHop reports whether the provider's hop says whose the message is.
func bindsHop(src provider.Source) bool {
	return slices.ContainsFunc(src.Bind, func(b provider.Binding) bool { return b.Kind == provider.BindTenant })
}

// otherTenant reports whether the source demands proof that the message came
// through our tenant, and there is none.
func (p *Path) otherTenant() bool {
	return p.Tenancy.State == provider.Unproven || p.Tenancy.State == provider.Foreign
}

func tenantMismatch(_ *Rules, e *Evidence) (string, Disposition, bool) {
	if !e.Path.otherTenant() {
		return "", Reject, false
	}
	t := &e.Path.Tenancy
	what := "nothing proves that it came through our tenant there"
	if t.State == provider.Foreign {
		what = "it came through another tenant there than ours"
	}
	return fmt.Sprintf("The message is from source %q, but %s: %s.", e.Source, what, lowerFirst(t.Why)), Reject, true
}

// lowerFirst has a sentence of ours go on in another one.
func lowerFirst(text string) string {
	if text == "" {
		return "it is not known why"
	}
	return strings.ToLower(text[:1]) + text[1:]
}

// String is a path in words of a header field: the verdict, then what is known.
func (p *Path) String() string {
	text := append(make([]byte, 0, 120), p.Verdict...)
	text = strconv.AppendQuote(append(text, "; source="...), p.Source)
	if p.Provider != "" {
		text = append(append(text, "; provider="...), p.Provider...)
	}
	if p.Tenancy.State != "" {
		text = append(append(text, "; tenancy="...), p.Tenancy.State...)
	}
	return string(text)
}

// words say the same to people.
func (p *Path) words() string {
	text := string(p.Verdict) + ": " + within(p.Why)
	switch p.Tenancy.State {
	case "", provider.Unbound:
		return text
	case provider.Bound:
		return text + fmt.Sprintf("; bound to our tenant (%s)", p.Tenancy.Kind)
	}
	return text + fmt.Sprintf("; tenant %s: %s", p.Tenancy.State, lowerFirst(p.Tenancy.Why))
}
