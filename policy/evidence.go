package policy

import (
	"time"

	"mxgate/policy/mail"
)

// Evidence is what is known about one message: a plain value that can be
// stored, read again and decided again. Its JSON names are a contract with
// users of `mxgate explain -json`: names are added, never renamed.
type Evidence struct {
	Source    string      `json:"source"`
	Origin    Origin      `json:"origin"`
	SPF       SPF         `json:"spf"`
	DKIM      []DKIM      `json:"dkim"`
	ARC       ARC         `json:"arc"`
	DMARC     DMARC       `json:"dmarc"`
	Author    Author      `json:"author"`
	Lookalike []Lookalike `json:"lookalike"`
	Thread    Thread      `json:"thread"`

	ReversePath  string         `json:"reverse_path"` // "" is the null reverse-path
	ForwardPaths []string       `json:"forward_paths"`
	ReceivedAt   time.Time      `json:"received_at"`
	OwnDomain    mail.Domain    `json:"own_domain,omitempty"`    // the own domain that the author domain is, or is below
	Impersonated *Impersonation `json:"impersonated,omitempty"`  // of a protected person
	Unscannable  string         `json:"unscannable,omitempty"`   // which limit was exceeded
	WaitedFor    time.Duration  `json:"waited_for_ns,omitempty"` // since this message was first deferred for DNS trouble
}

// Origin is the address that handed the message to the provider, or why it is
// not known.
type Origin struct {
	IP         string `json:"ip"` // "" if not known
	Helo       string `json:"helo"`
	Method     string `json:"method"`
	Confidence string `json:"confidence"` // high, medium, low, none
	Why        string `json:"why"`

	// HopMissing says that the source names its Received lines and the newest
	// line is none of them: the message did not come the way it should.
	HopMissing bool `json:"hop_missing,omitempty"`
}

// SPF is the result for the origin. RFC 7208.
type SPF struct {
	Result   mail.Status `json:"result"`
	Domain   string      `json:"domain"`
	Identity string      `json:"identity"` // mailfrom or helo
	Why      string      `json:"why,omitempty"`
}

// DKIM is the result of one signature. RFC 6376.
type DKIM struct {
	Result    mail.Status `json:"result"`
	Domain    mail.Domain `json:"domain"`
	Selector  string      `json:"selector"`
	Algorithm string      `json:"algorithm,omitempty"`
	B         string      `json:"b,omitempty"` // first octets of b=, RFC 6008
	Why       string      `json:"why,omitempty"`
}

// ARC is the state of the message's chain. Chains are not verified yet: Result
// is none, and Why says so when the message carries one; a chain of more sets
// than there may be is fail. Nothing is decided by it. RFC 8617.
type ARC struct {
	Result mail.Status `json:"result"`
	Why    string      `json:"why,omitempty"`
}

// DMARC is the result for the author domain. RFC 9989.
type DMARC struct {
	Result      mail.Status `json:"result"`
	Domain      mail.Domain `json:"domain"` // whose record applies
	Policy      string      `json:"policy"` // none, quarantine, reject; "" without a record
	SPFAligned  bool        `json:"spf_aligned"`
	DKIMAligned bool        `json:"dkim_aligned"`
	Why         string      `json:"why,omitempty"`
}

// Author is what the From field says.
type Author struct {
	Address    string        `json:"address"`
	Domain     mail.Domain   `json:"domain"`
	Display    string        `json:"display,omitempty"`
	Candidates []mail.Domain `json:"candidates"`
	Ambiguous  string        `json:"ambiguous,omitempty"` // why there is not exactly one author domain
	Protected  *Protected    `json:"protected,omitempty"` // what signed mail says otherwise inside; nil if nothing
}

// Lookalike is a domain of this message that resembles one of ours or of a
// protected partner.
type Lookalike struct {
	Domain     mail.Domain `json:"domain"`
	Target     mail.Domain `json:"target"`
	Class      string      `json:"class"`
	Confidence int         `json:"confidence"` // 0 to 100
	Why        string      `json:"why"`
	Where      string      `json:"where"` // author, protected-from, reply-to, to or cc
	Own        bool        `json:"own"`   // the target is an own domain
	Alone      bool        `json:"alone"` // strong enough to act without other evidence
}

// Thread is reserved for conversation integrity.
type Thread struct{}

// Impersonation is a borrowed name: a protected person's display name on a
// foreign address, or an address of an own or protected domain shown in place of
// the author's.
type Impersonation struct {
	Name    string      `json:"name"`             // as protected, or the display name
	Domain  mail.Domain `json:"domain,omitempty"` // that is shown and is not the author's
	Address string      `json:"address"`          // the author's
}

// Aligned reports whether an identity that passed is aligned with the author domain.
func (e *Evidence) Aligned() bool { return e.DMARC.SPFAligned || e.DMARC.DKIMAligned }
