package arc

import (
	"context"
	"fmt"
	"time"

	"mxgate/policy/dns"
	"mxgate/policy/mail"
	"mxgate/policy/sig"
)

// Limits: what a sealed message may cost. An honest chain has one to five sets,
// of as many sealers.
const (
	maxSets         = 50 // RFC 8617, Section 5.2
	maxHeaderOctets = 256 << 10
	maxHeaderFields = 1000

	// maxKeys is how many keys one chain may make us ask for. Whoever writes a
	// chain chooses their names, and where 50 sets are no loop of the same few
	// hosts they are no mail.
	maxKeys = 20

	// maxTime is for one Verify: whoever seals chooses whose name servers we wait for.
	maxTime = 10 * time.Second

	// maxResultsOctets bounds Set.Results.
	maxResultsOctets = 16 << 10
)

// Result is what became of the chain of one message.
type Result struct {
	Status mail.Status // None, Pass, Fail or TempError
	Why    string      // for a person; printable ASCII

	// Sets are those of the chain, newest last; nil if they do not make a chain.
	// Unless Status is Pass they are claims of anybody.
	Sets []Set

	// Loose are claims of anybody, too: the pairs of results and seals of one
	// instance among the topmost fields, topmost last, where the fields do not make a
	// chain. Who sends a message can see to it that they do not; what a host behind him
	// says against him stands in them still.
	Loose []Set

	// OldestPass tells since when the message is known not to have changed: the
	// lowest instance from which on all message signatures hold, 0 if all do. It
	// means nothing unless Status is Pass. RFC 8617, Section 5.2, step 5.
	//
	// A set tells of the message as its sealer got it. One below OldestPass
	// counts only if all later sealers are trusted, too: who has one sealed message
	// can put another text below its claims, and a seal of his own on top.
	OldestPass int
}

// Set is what one sealer added.
type Set struct {
	Instance int         // 1 for the first sealer
	Sealer   mail.Domain // d= of its seal; "" if it is no domain name
	Selector string      // s= of its seal, A-labels; "" if it is no name
	SealedAt time.Time   // t= of its seal; zero if absent or malformed
	CV       string      // what the sealer says of the chain before: "none", "pass", "fail"; else ""

	Lowest int // index in Message.Fields of the lowest of its three fields

	// Results is what stands behind the instance in ARC-Authentication-Results,
	// unfolded and otherwise as it stands: authserv-id and results. It may hold
	// any octet. "" if it is longer than 16 KiB, as half of it might say the opposite.
	Results string

	// Testing says that the domain of a key that was used here is testing (t=y):
	// what it signs must not count for more than if it were not signed. RFC 6376,
	// Section 3.6.1.
	Testing bool
}

// Verify evaluates the chain of m: RFC 8617, Section 5.2.
//
// now is when the message arrived: signatures that had expired then, or were made
// more than a day later, do not hold. Without any ARC field the Status is None.
//
// Deviation: the RFC makes every error permanent, also one of DNS, because a
// sealer has to write down something. We seal nothing, so trouble of the
// resolver, of ctx or of reading the content is TempError, unless something else
// makes the chain fail for good. Whoever wrote the chain chose the names that were
// asked for: TempError counts for no more than Fail unless a trusted sealer did.
func Verify(ctx context.Context, r dns.Resolver, m *mail.Message, now time.Time) Result {
	return VerifyBody(ctx, r, m, sig.NewBody(m), now)
}

// VerifyBody is Verify for callers that hash the body for DKIM, too: body is that
// of m.
func VerifyBody(ctx context.Context, r dns.Resolver, m *mail.Message, body *sig.Body, now time.Time) Result {
	chain, why := collect(m)
	switch {
	case why != "":
		return Result{Status: mail.Fail, Why: why, Loose: loose(m)}
	case len(chain) == 0:
		return Result{Status: mail.None, Why: "the message carries no ARC set"}
	}
	ctx, cancel := context.WithTimeout(ctx, maxTime)
	defer cancel()
	v := &verifier{r: r, m: m, body: body, now: now, chain: chain, repeated: sig.FindRepeated(m), keys: map[keyID]sig.KeyAnswer{}, work: maxWork}
	var result Result
	result.Status, result.Why = v.verify(ctx)
	if result.Status == mail.Pass {
		result.OldestPass = v.oldestPass(ctx)
	}
	for _, s := range chain {
		result.Sets = append(result.Sets, v.describe(s))
	}
	return result
}

// verify follows the steps of RFC 8617, Section 5.2, from the second on, but
// does first what costs nothing. Step 5, which decides nothing, is oldestPass.
func (v *verifier) verify(ctx context.Context) (mail.Status, string) {
	newest := v.chain[len(v.chain)-1]
	if why := v.screen(newest); why != "" {
		return mail.Fail, why
	}
	status, why := v.messageSignature(ctx, newest) // step 4
	if status == mail.Fail {
		return status, fmt.Sprintf("the message signature of set %d: %s", newest.instance, why)
	}
	if sealed, whySeal := v.seals(ctx); sealed == mail.Fail || status == mail.Pass { // step 6
		status, why = sealed, whySeal
	}
	if status == mail.Pass {
		why = fmt.Sprintf("every seal holds, and the message is as %s sealed it (set %d)", newest.seal.Domain, newest.instance)
	}
	return status, why
}

// screen returns why the chain fails before anything is asked or hashed.
func (v *verifier) screen(newest *set) string {
	if newest.cv() == "fail" { // step 2
		return fmt.Sprintf("the newest sealer, set %d, found the chain broken", newest.instance)
	}
	for _, s := range v.chain {
		s.readSeal(v.now)
		if s.seal.Refused != "" {
			return fmt.Sprintf("the seal of set %d: %s", s.instance, s.seal.Why)
		}
	}
	newest.readMessage(v.now, v.repeated)
	if newest.message.Refused != "" {
		return fmt.Sprintf("the message signature of set %d: %s", newest.instance, newest.message.Why)
	}
	return v.bound(newest)
}
