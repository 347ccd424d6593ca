package dmarc

import "mxgate/policy/mail"

// Published is what a policy record says, in the words that an aggregate report
// repeats it with: RFC 9990, Section 3.1.1, "policy_published". A tag that is
// absent or cannot be understood has its default.
type Published struct {
	P     string // "none", "quarantine" or "reject"; "" without a record
	SP    string // the same; "" if the record has none
	NP    string // the same; "" if the record has none
	ADKIM string // "r" for relaxed, "s" for strict
	ASPF  string // "r" for relaxed, "s" for strict
	T     string // "y": the owner tests the policy; "n"
	PSD   string // "y", "n", or "u" for not told
	FO    string // when failure reports are wanted: "0", "1", "d", "s", several with ":" between
	RUA   string // who wants aggregate reports: URIs with "," between, not checked; printable ASCII
	Pct   string // of RFC 7489, "0" to "100"; "" if absent. It has no effect.
}

// Disposition is what an aggregate report would say was asked for this message:
// RFC 9990, Section 3.1.1, "policy_evaluated". It is "pass" when the message
// passed a policy that asks for action, "none", "quarantine" or "reject", and
// "" where DMARC did not come to a result. What was done in the end, and the
// reason for a difference, is for package policy to say.
func (r Result) Disposition() string {
	switch {
	case r.Status == mail.Pass && r.Policy != policyNone:
		return "pass"
	case r.Status == mail.Pass, r.Status == mail.Fail:
		return r.Policy
	}
	return ""
}
