package policy

import "fmt"

// Disposition is what happens to a message. The zero Disposition is Defer.
type Disposition int

// The dispositions. STYLE: nothing is ever dropped silently.
const (
	Defer      Disposition = iota // 4xx: the client tries again
	Relay                         // the next hop's answer is ours
	Tag                           // relay with fields that warn
	Quarantine                    // durable with us, then 250
	Reject                        // 5xx: the client's side tells the author
)

var dispositionNames = [...]string{Defer: "defer", Relay: "relay", Tag: "tag", Quarantine: "quarantine", Reject: "reject"}

func (d Disposition) String() string {
	if d < 0 || int(d) >= len(dispositionNames) {
		return dispositionNames[Defer]
	}
	return dispositionNames[d]
}

// MarshalText writes the word used in configuration and JSON.
func (d Disposition) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads the word used in configuration and JSON.
func (d *Disposition) UnmarshalText(text []byte) error {
	for i, name := range dispositionNames {
		if string(text) == name {
			*d = Disposition(i)
			return nil
		}
	}
	return fmt.Errorf("disposition %q: expected one of defer, relay, tag, quarantine, reject", text)
}

// severity orders dispositions for Decide: a message to which several reasons
// apply is treated as the most severe of them asks.
func (d Disposition) severity() int {
	return [...]int{Relay: 0, Tag: 1, Defer: 2, Quarantine: 3, Reject: 4}[d]
}

// Reason names why a message got its disposition.
type Reason string

// The closed list of reasons that are decided on evidence, in the order in
// which they are preferred among equals. NotAdmitted and SourceExpired refuse a
// connection before there is a message: they are in no Verdict of Decide.
const (
	NotAdmitted     Reason = "not-admitted"
	SourceExpired   Reason = "source-expired"
	TenantMismatch  Reason = "tenant-mismatch"
	FromAmbiguous   Reason = "from-ambiguous"
	OwnDomainSpoof  Reason = "own-domain-spoof"
	StolenThread    Reason = "stolen-thread" // a look-alike answers in a conversation that we remember
	LookalikeDomain Reason = "lookalike"
	Impostor        Reason = "impostor"        // the evidence for somebody else's look-alike adds up: Rules.Weights
	AddedLookalikes Reason = "added-lookalike" // a recipient resembles somebody present; held if there is talk of payment
	ReplyDiversion  Reason = "reply-diversion" // answers would go to a look-alike, or to a free mailbox in somebody's name
	Impersonated    Reason = "impersonation"
	DMARCFail       Reason = "dmarc-fail"
	AuthUnavailable Reason = "auth-unavailable"
	BypassSuspect   Reason = "bypass-suspect"
	DMARCNoneWeak   Reason = "dmarc-none-weak"
	Unscannable     Reason = "unscannable"
	Clean           Reason = "clean"
)

// reasons holds each decidable reason with its default disposition.
var reasons = []struct {
	reason  Reason
	def     Disposition
	applies func(*Rules, *Evidence) (sentence string, ceiling Disposition, ok bool)
}{
	{TenantMismatch, Quarantine, tenantMismatch},
	{FromAmbiguous, Quarantine, fromAmbiguous},
	{OwnDomainSpoof, Quarantine, ownDomainSpoof},
	{StolenThread, Quarantine, stolenThread},
	{LookalikeDomain, Quarantine, lookalikeDomain},
	{Impostor, Quarantine, impostor},
	{AddedLookalikes, Quarantine, addedLookalikes},
	{ReplyDiversion, Tag, replyDiversion},
	{Impersonated, Tag, impersonated},
	{DMARCFail, Quarantine, dmarcFail},
	{AuthUnavailable, Defer, authUnavailable},
	{BypassSuspect, Tag, bypassSuspect},
	{DMARCNoneWeak, Tag, dmarcNoneWeak},
	{Unscannable, Quarantine, unscannable},
	{Clean, Relay, clean},
}

// rank is the place of r in the list.
func (r Reason) rank() int {
	for i := range reasons {
		if reasons[i].reason == r {
			return i
		}
	}
	return len(reasons)
}

// DefaultDispositions returns what each configurable reason leads to in enforce
// mode unless the operator says otherwise.
func DefaultDispositions() map[Reason]Disposition {
	m := map[Reason]Disposition{}
	for _, r := range reasons {
		if r.reason != Clean {
			m[r.reason] = r.def
		}
	}
	return m
}
