package policy

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"mxgate/policy/mail"
)

// Rules are the operator's: dispositions and narrow exceptions.
type Rules struct {
	Dispositions map[Reason]Disposition // reasons not named here keep their default
	Exceptions   []Exception
	DeferAtMost  time.Duration // how long a message waits for DNS before it is tagged instead
}

// Exception lifts one or more reasons from mail of one sender that proves who
// it is. It never applies without that proof.
type Exception struct {
	Author    string   // address or domain of the From field
	Require   string   // what must have passed: "dkim" or "spf" aligned with the author, "aligned" for either, or an origin address or range
	Recipient string   // optional: only for this recipient address or domain
	Reasons   []Reason // which reasons it lifts
	Owner     string
	Why       string
	Expires   time.Time // zero: no end
}

// Finding is one reason that applies.
type Finding struct {
	Reason      Reason      `json:"reason"`
	Disposition Disposition `json:"disposition"`
	Sentence    string      `json:"sentence"`
}

// Verdict is what Decide says about a message.
type Verdict struct {
	Disposition Disposition `json:"disposition"`
	Reason      Reason      `json:"reason"`
	Sentence    string      `json:"sentence"`
	Findings    []Finding   `json:"findings"` // all that apply, in the order of the list
	Excepted    []Reason    `json:"excepted,omitempty"`
}

// Decide applies the rules to the evidence. It is a pure function: the same
// evidence can be decided again, exactly, under new rules.
//
// Deviation from the design page, which lets the first reason in the list win:
// the most severe disposition wins, the order of the list breaks ties.
// Otherwise a reason that only tags (a borrowed display name) would hide one
// further down that quarantines (a DMARC fail), and an attacker could choose it.
func Decide(rules Rules, e Evidence) Verdict {
	var v Verdict
	for _, r := range reasons {
		sentence, ceiling, ok := r.applies(&rules, &e)
		if !ok || r.reason == Clean && len(v.Findings) > 0 {
			continue
		}
		if rules.excepts(r.reason, &e) {
			v.Excepted = append(v.Excepted, r.reason)
			continue
		}
		d := r.def
		if chosen, ok := rules.Dispositions[r.reason]; ok {
			d = chosen
		}
		if d.severity() > ceiling.severity() {
			d = ceiling
		}
		v.Findings = append(v.Findings, Finding{r.reason, d, sentence})
	}
	top := v.Findings[0] // Clean applies when nothing else does
	for _, f := range v.Findings[1:] {
		if f.Disposition.severity() > top.Disposition.severity() {
			top = f
		}
	}
	v.Disposition, v.Reason, v.Sentence = top.Disposition, top.Reason, top.Sentence
	return v
}

// excepts reports whether an exception lifts reason from this message.
func (r *Rules) excepts(reason Reason, e *Evidence) bool {
	return slices.ContainsFunc(r.Exceptions, func(x Exception) bool {
		return slices.Contains(x.Reasons, reason) && x.matches(e)
	})
}

func (x *Exception) matches(e *Evidence) bool {
	if !x.Expires.IsZero() && e.ReceivedAt.After(x.Expires) || e.Author.Ambiguous != "" {
		return false
	}
	if !strings.EqualFold(x.Author, e.Author.Address) && !strings.EqualFold(x.Author, string(e.Author.Domain)) {
		return false
	}
	if x.Recipient != "" && !allTo(e.ForwardPaths, x.Recipient) {
		return false
	}
	switch x.Require {
	case "dkim":
		return e.DMARC.DKIMAligned
	case "spf":
		return e.DMARC.SPFAligned
	case "aligned":
		return e.Aligned()
	}
	ip, err := netip.ParseAddr(e.Origin.IP)
	if err != nil {
		return false
	}
	if p, err := netip.ParsePrefix(x.Require); err == nil {
		return p.Contains(ip)
	}
	want, err := netip.ParseAddr(x.Require)
	return err == nil && want == ip
}

// allTo reports whether every path is the address, or in the domain, that want names.
func allTo(paths []string, want string) bool {
	return len(paths) > 0 && !slices.ContainsFunc(paths, func(p string) bool {
		_, domain, _ := strings.Cut(p, "@")
		return !strings.EqualFold(p, want) && !strings.EqualFold(domain, want)
	})
}

// The functions below say whether a reason applies, in which words, and what
// the evidence supports at most (the ceiling).

func fromAmbiguous(_ *Rules, e *Evidence) (string, Disposition, bool) {
	if e.Author.Ambiguous == "" {
		return "", Reject, false
	}
	s := "It cannot be said who wrote this: " + e.Author.Ambiguous + "."
	if len(e.Author.Candidates) > 1 {
		s += " A reader may see any of " + joinDomains(e.Author.Candidates) + "."
	}
	return s, Reject, true
}

func ownDomainSpoof(r *Rules, e *Evidence) (string, Disposition, bool) {
	if e.OwnDomain == "" || e.Aligned() || e.mayStillAlign() && !r.waited(e) {
		return "", Reject, false
	}
	s := fmt.Sprintf("The mail claims to come from our own domain %s, but nothing proves it: %s.", e.Author.Domain.Unicode(), e.proof())
	if slices.ContainsFunc(e.ForwardPaths, func(p string) bool { return strings.EqualFold(p, e.Author.Address) }) {
		s += " Author and recipient are the same address, as in extortion mail."
	}
	return s, Reject, true
}

func lookalikeDomain(_ *Rules, e *Evidence) (string, Disposition, bool) {
	var worst *Lookalike
	for i := range e.Lookalike {
		l := &e.Lookalike[i]
		if !l.notable() {
			continue
		}
		if worst == nil || l.acts() && !worst.acts() || l.acts() == worst.acts() && l.Confidence > worst.Confidence {
			worst = l
		}
	}
	if worst == nil {
		return "", Reject, false
	}
	s := fmt.Sprintf("%s (in the %s).", strings.TrimSuffix(worst.Why, "."), whereWords[worst.Where])
	if worst.acts() {
		return s, Reject, true
	}
	return s, Tag, true
}

// Confidence from which a likeness is worth a warning although it does not act
// alone. Measured against 550 protected domains, 11 of 10,000 popular domains
// reach 65 and 96 reach 50: a warning that everybody gets is read by nobody.
// Own domains are few.
const (
	notableOwn       = 50
	notableProtected = 65
)

// notable reports whether l is a reason at all. What is less stays in the
// evidence. Recipients are compared with each other too rarely to warn of weak
// likeness.
func (l *Lookalike) notable() bool {
	switch {
	case l.Alone:
		return true
	case l.Where == "to" || l.Where == "cc":
		return false
	case l.Own:
		return l.Confidence >= notableOwn
	}
	return l.Confidence >= notableProtected
}

// acts reports whether l may do more than tag: by the class rules, and only
// where the sender would profit from being taken for somebody else. Recipients
// of a genuine mail may look alike by chance.
func (l *Lookalike) acts() bool {
	return l.Alone && (l.Where == "author" || l.Where == "reply-to" || l.Where == "protected-from")
}

var whereWords = map[string]string{"author": "From field", "protected-from": "From field inside the signed mail", "reply-to": "Reply-To field", "to": "To field", "cc": "Cc field"}

func impersonated(_ *Rules, e *Evidence) (string, Disposition, bool) {
	switch i := e.Impersonated; {
	case i == nil:
		return "", Reject, false
	case i.Domain != "":
		return fmt.Sprintf("A reader is shown an address of %s, but the mail is from %s.", i.Domain.Unicode(), i.Address), Reject, true
	default:
		return fmt.Sprintf("The name shown is %q, who is protected, but the address %s is not known to be theirs.", i.Name, i.Address), Reject, true
	}
}

func dmarcFail(r *Rules, e *Evidence) (string, Disposition, bool) {
	if e.Author.Ambiguous != "" || e.Aligned() || !e.strict() || e.Pending() && !r.waited(e) {
		return "", Reject, false
	}
	return fmt.Sprintf("The mail claims %s, but nothing proves it: %s. %s asks to %s such mail.", e.Author.Domain.Unicode(), e.proof(), e.DMARC.Domain.Unicode(), e.DMARC.Policy), Reject, true
}

// authUnavailable defers while DNS may still prove the author. After the wait a
// domain whose policy is known to be strict is judged by it (dmarcFail, and
// ownDomainSpoof for ours): a lame delegation below a domain lets anybody keep a
// signature undecided for ever.
func authUnavailable(r *Rules, e *Evidence) (string, Disposition, bool) {
	if e.Author.Ambiguous != "" || e.Aligned() || !e.Pending() {
		return "", Reject, false
	}
	s := fmt.Sprintf("DNS gave no answer that the verdict on %s depends on.", e.Author.Domain.Unicode())
	if r.waited(e) {
		return s + fmt.Sprintf(" It was deferred for %s; now it is judged without.", e.WaitedFor.Round(time.Minute)), Tag, true
	}
	return s, Reject, true
}

// strict reports whether the author domain's policy asks for action.
func (e *Evidence) strict() bool {
	return e.DMARC.Policy == "quarantine" || e.DMARC.Policy == "reject"
}

// Pending reports whether the verdict depends on DNS that did not answer.
func (e *Evidence) Pending() bool {
	return e.DMARC.Result == mail.TempError || (e.strict() || e.OwnDomain != "") && e.mayStillAlign()
}

func bypassSuspect(_ *Rules, e *Evidence) (string, Disposition, bool) {
	if !e.Origin.HopMissing {
		return "", Reject, false
	}
	return fmt.Sprintf("The message should have come in through %q, but its trace does not show that: %s.", e.Source, strings.TrimSuffix(e.Origin.Why, ".")), Reject, true
}

func dmarcNoneWeak(_ *Rules, e *Evidence) (string, Disposition, bool) {
	weak := e.Author.Ambiguous == "" && !e.Aligned() && (e.DMARC.Policy == "" || e.DMARC.Policy == "none") && e.DMARC.Result != mail.TempError
	if !weak {
		return "", Reject, false
	}
	asks := "publishes no DMARC policy"
	if e.DMARC.Policy == "none" {
		asks = "asks for no action (p=none)"
	}
	return fmt.Sprintf("Nothing proves that %s sent this: %s; the domain %s.", e.Author.Domain.Unicode(), e.proof(), asks), Reject, true
}

func unscannable(_ *Rules, e *Evidence) (string, Disposition, bool) {
	return "The message cannot be examined whole: " + e.Unscannable + ".", Reject, e.Unscannable != ""
}

func clean(_ *Rules, e *Evidence) (string, Disposition, bool) {
	var proofs []string
	if e.DMARC.SPFAligned {
		proofs = append(proofs, fmt.Sprintf("it came from %s, which %s lists in SPF", e.Origin.IP, mail.Domain(e.SPF.Domain).Unicode()))
	}
	for _, s := range e.DKIM {
		if s.Result == mail.Pass && e.DMARC.DKIMAligned {
			proofs = append(proofs, fmt.Sprintf("the DKIM signature by %s holds", s.Domain.Unicode()))
			break
		}
	}
	if len(proofs) == 0 {
		return "Nothing speaks against this message.", Reject, true
	}
	return fmt.Sprintf("The author domain %s is proven: %s.", e.Author.Domain.Unicode(), strings.Join(proofs, "; ")), Reject, true
}

// waited reports whether the message has been deferred for DNS long enough.
func (r *Rules) waited(e *Evidence) bool { return r.DeferAtMost > 0 && e.WaitedFor >= r.DeferAtMost }

// mayStillAlign reports whether DNS trouble hides a result that could align
// with the author domain. Trouble in domains the sender could choose freely
// does not count: it would be a way to be deferred and then delivered.
func (e *Evidence) mayStillAlign() bool {
	related := func(d mail.Domain) bool { return d.Within(e.Author.Domain) || e.Author.Domain.Within(d) }
	if e.SPF.Result == mail.TempError && related(mail.Domain(e.SPF.Domain)) {
		return true
	}
	return slices.ContainsFunc(e.DKIM, func(s DKIM) bool { return s.Result == mail.TempError && related(s.Domain) })
}

func joinDomains(ds []mail.Domain) string {
	names := make([]string, len(ds))
	for i, d := range ds {
		names[i] = d.Unicode()
	}
	return strings.Join(names, ", ")
}
