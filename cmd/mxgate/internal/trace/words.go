package trace

import (
	"time"

	"mxgate/policy"
)

// Verdict is the way a message came.
type Verdict string

// The verdicts. They are a contract.
const (
	ViaCurrent      Verdict = "via_current"      // through the provider in force then
	ViaOld          Verdict = "via_old"          // through one whose time was over
	Direct          Verdict = "direct"           // past the provider
	PermittedDirect Verdict = "permitted_direct" // past it, as somebody may
	Internal        Verdict = "internal"         // from one of our own machines; with a source, from a customer of that provider
	ProviderOrigin  Verdict = "provider_origin"  // made by the provider itself, without a reverse-path: a bounce
	Fetched         Verdict = "fetched"          // by POP or IMAP from another mailbox
	Forwarded       Verdict = "forwarded"        // lay in a mailbox that is not ours
	Undetermined    Verdict = "undetermined"
)

// Verdicts lists all verdicts in the order of reports: what to act on first.
var Verdicts = []Verdict{Direct, ViaOld, ViaCurrent, ProviderOrigin, PermittedDirect, Internal, Fetched, Forwarded, Undetermined}

// Found reports whether v is what is searched for: mail that got around the
// provider.
func (v Verdict) Found() bool { return v == Direct || v == ViaOld }

// reasonRanges is the reason of an undetermined verdict that ranges would settle.
const reasonRanges = "ranges-unknown"

// Weights of evidence, TRACE.md, Section 8.
//
// Deviation: what stands below a client that is of no provider weighs nothing. A
// stranger writes it, and could lower the confidence of the verdict about himself.
const (
	weightOwnHop        = 50
	weightRangeFirm     = 20
	weightRangeWeak     = 10
	weightProviderHop   = 15
	weightARC           = 15
	weightLog           = 10
	weightOwnResults    = 5
	weightRangesUnknown = -20
	weightBroken        = -15
	weightDamage        = -15
	weightContradiction = -25
)

// capDamaged is the most that is known from a text that was mended, or that came
// inside another message. That direct may not exceed 85 without a log or complete
// ranges follows from the weights: 75 is the most then.
const capDamaged = 60

// band names a confidence.
func band(confidence int) string {
	switch {
	case confidence >= 85:
		return "proven"
	case confidence >= 60:
		return "likely"
	case confidence >= 30:
		return "possible"
	}
	return "open"
}

// noTime leaves out what depends on the present.
var noTime time.Time

// maxText bounds a text of a message in what is shown.
const maxText = 120

// quoted makes text of a message fit for a sentence.
func quoted(s string) string { return policy.Plain(s, maxText) }

func or(s, instead string) string {
	if s == "" {
		return instead
	}
	return s
}
