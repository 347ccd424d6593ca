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
	Path      Path        `json:"path"`
	Origin    Origin      `json:"origin"`
	SPF       SPF         `json:"spf"`
	DKIM      []DKIM      `json:"dkim"`
	ARC       ARC         `json:"arc"`
	DMARC     DMARC       `json:"dmarc"`
	Author    Author      `json:"author"`
	Lookalike []Lookalike `json:"lookalike"`
	Thread    Thread      `json:"thread"`
	Provider  []Statement `json:"provider,omitempty"` // what the provider found, beside what we did

	ReversePath  string         `json:"reverse_path"` // "" is the null reverse-path
	ForwardPaths []string       `json:"forward_paths"`
	ReceivedAt   time.Time      `json:"received_at"`
	OwnDomain    mail.Domain    `json:"own_domain,omitempty"`    // the own domain that the author domain is, or is below
	Impersonated *Impersonation `json:"impersonated,omitempty"`  // of a protected person
	Unscannable  string         `json:"unscannable,omitempty"`   // which limit was exceeded
	WaitedFor    time.Duration  `json:"waited_for_ns,omitempty"` // since this message was first deferred because DNS did not answer
	Hurried      bool           `json:"hurried,omitempty"`       // DNS was not waited for as long as it may take, for reasons of ours: nobody is judged without it

	learnable Observation // as far as it is known before the verdict; zero in evidence that was stored
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

	Term        string `json:"term,omitempty"`        // of the record, that decided; as published
	Explanation string `json:"explanation,omitempty"` // of the domain, for whoever is refused: exp=, RFC 7208, Section 6.2
	Helo        Helo   `json:"helo,omitzero"`         // zero if HELO is the identity, or is no domain name
}

// Helo is SPF for the HELO name: a fact beside the result for the reverse-path,
// on which nothing is decided. RFC 7208, Section 2.3.
type Helo struct {
	Result mail.Status `json:"result"`
	Domain string      `json:"domain"`
	Why    string      `json:"why,omitempty"`
}

// DKIM is the result of one signature. RFC 6376.
type DKIM struct {
	Result    mail.Status `json:"result"`
	Domain    mail.Domain `json:"domain"`
	Selector  string      `json:"selector"`
	Algorithm string      `json:"algorithm,omitempty"`
	B         string      `json:"b,omitempty"` // first octets of b=, RFC 6008
	Why       string      `json:"why,omitempty"`
	Breakage  string      `json:"breakage,omitempty"` // what happened to a signature that does not hold: a word of package dkim
	Testing   bool        `json:"testing,omitempty"`  // the domain says that it is testing (t=y)
}

// ARC is the state of the message's chain. A chain that holds proves that its
// sets were not changed, and nothing else: anybody can seal. Only a sealer whom
// Rules or the catalogue names is believed. RFC 8617.
type ARC struct {
	Result     mail.Status `json:"result"`
	Why        string      `json:"why,omitempty"`
	OldestPass int         `json:"oldest_pass,omitempty"` // of a chain that holds: the set since which the message was not changed; absent: since the first
	Sets       []ARCSet    `json:"sets,omitempty"`        // the newest ten, newest last
}

// ARCSet is what one sealer states.
type ARCSet struct {
	Instance int         `json:"instance"`
	Sealer   mail.Domain `json:"sealer"`
	Selector string      `json:"selector,omitempty"`
	SealedAt time.Time   `json:"sealed_at,omitzero"`
	CV       string      `json:"cv,omitempty"`          // the state of the chain as the sealer found it
	ID       string      `json:"authserv_id,omitempty"` // of the ARC-Authentication-Results
	Provider bool        `json:"provider,omitempty"`    // the catalogue names the sealer for the source
	Testing  bool        `json:"testing,omitempty"`     // the sealer says that it is testing (t=y): never believed
	Claim    Claim       `json:"claim,omitzero"`        // zero if not read: only that of a chain that holds is, where nothing else proves the author
}

// Claim is what a sealer found out about the author domain of the message. What
// it found about any other domain is no claim.
type Claim struct {
	DMARC       mail.Status `json:"dmarc,omitempty"` // "" if it does not say
	SPFAligned  bool        `json:"spf_aligned,omitempty"`
	DKIMAligned bool        `json:"dkim_aligned,omitempty"`
}

// Statement is a result of the provider beside ours. It is a fact for people and
// for the count of differences; nothing is decided on it.
type Statement struct {
	ID       string      `json:"authserv_id"`
	Via      Via         `json:"via"`
	Method   string      `json:"method"` // spf, dkim or dmarc
	Result   mail.Status `json:"result"`
	Domain   mail.Domain `json:"domain"`
	Selector string      `json:"selector,omitempty"`

	Ours      mail.Status `json:"ours,omitempty"` // "" if we have nothing to compare
	Agreement Agreement   `json:"agreement,omitempty"`
	Cause     Cause       `json:"cause,omitempty"` // of a difference
	Why       string      `json:"why,omitempty"`
}

// DMARC is the result for the author domain. RFC 9989.
type DMARC struct {
	Result      mail.Status `json:"result"`
	Domain      mail.Domain `json:"domain"` // whose record applies
	Policy      string      `json:"policy"` // none, quarantine, reject; "" without a record; what may apply if published is zero
	SPFAligned  bool        `json:"spf_aligned"`
	DKIMAligned bool        `json:"dkim_aligned"`
	Why         string      `json:"why,omitempty"`

	// What an aggregate report would say, besides: SMTP-DUTIES B7. We send none.
	Organizational mail.Domain `json:"organizational,omitempty"` // of the author domain; "" if not known
	DKIMDomain     mail.Domain `json:"dkim_domain,omitempty"`    // d= of the signature that is aligned
	Published      Published   `json:"published,omitzero"`       // zero without a record
	Lowered        bool        `json:"lowered,omitempty"`        // Policy is one step less than published: its owner tests it
	Evaluated      string      `json:"evaluated,omitempty"`      // pass, none, quarantine or reject: RFC 9990, Section 3.1.1, before what we do
	Faults         []string    `json:"faults,omitempty"`         // that the owner of the domain should mend
}

// Published is the policy record that applies, as an aggregate report repeats
// it; tags that are absent have their default. RFC 9990, Section 3.1.1.
type Published struct {
	P     string `json:"p"`
	SP    string `json:"sp,omitempty"`
	NP    string `json:"np,omitempty"`
	ADKIM string `json:"adkim"`
	ASPF  string `json:"aspf"`
	T     string `json:"t"`
	PSD   string `json:"psd"`
	FO    string `json:"fo"`
	RUA   string `json:"rua,omitempty"`
}

// Author is what the From field says.
type Author struct {
	Address    string        `json:"address"`
	Domain     mail.Domain   `json:"domain"`
	Display    string        `json:"display,omitempty"`
	Candidates []mail.Domain `json:"candidates"`
	Ambiguous  string        `json:"ambiguous,omitempty"` // why there is not exactly one author domain
	From       []string      `json:"from,omitempty"`      // if there is not: what the From fields hold, decoded, plain and shortened
	Protected  *Protected    `json:"protected,omitempty"` // what signed mail says otherwise inside; nil if nothing

	Sender     []mail.Domain `json:"sender,omitempty"`      // that the Sender field shows and From does not
	ResentFrom []mail.Domain `json:"resent_from,omitempty"` // that a Resent-From field shows and From does not
}

// Lookalike is a domain of this message that resembles one of ours or of a
// protected partner.
type Lookalike struct {
	Domain     mail.Domain `json:"domain"`
	Target     mail.Domain `json:"target"`
	Class      string      `json:"class"`
	Confidence int         `json:"confidence"` // 0 to 100
	Why        string      `json:"why"`
	Where      string      `json:"where"`                // author, protected-from, reply-to, sender, resent-from, to or cc
	Own        bool        `json:"own"`                  // the target is an own domain
	Alone      bool        `json:"alone"`                // strong enough to act without other evidence
	SameOwner  bool        `json:"same_owner,omitempty"` // the operator says so
}

// Impersonation is a borrowed name: a protected person's display name on a
// foreign address, or an address of an own or protected domain shown in place of
// the author's.
type Impersonation struct {
	Name    string      `json:"name"`             // as protected, or the display name
	Domain  mail.Domain `json:"domain,omitempty"` // that is shown and is not the author's
	Address string      `json:"address"`          // the author's
	Where   string      `json:"where,omitempty"`  // that shows it: sender, resent-from or protected-from; "" is From
}

// Aligned reports whether an identity that passed is aligned with the author domain.
func (e *Evidence) Aligned() bool { return e.DMARC.SPFAligned || e.DMARC.DKIMAligned }
