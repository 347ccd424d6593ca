package policy

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"mxgate/policy/dmarc"
	"mxgate/policy/lookalike"
	"mxgate/policy/mail"
	"mxgate/policy/thread"
)

// The functions below say whether a reason applies, in which words, and what
// the evidence supports at most (the ceiling).

func fromAmbiguous(_ *Rules, e *Evidence) (string, Disposition, bool) {
	if e.Author.Ambiguous == "" {
		return "", Reject, false
	}
	s := "It cannot be said who wrote this: " + e.Author.Ambiguous + "."
	_, list, _ := strings.Cut(e.Author.Ambiguous, ": ")
	told := strings.Split(list, ", ")
	untold := func(d mail.Domain) bool { return !slices.Contains(told, named(d)) }
	if len(e.Author.Candidates) > 1 && slices.ContainsFunc(e.Author.Candidates, untold) {
		s += " A reader may see any of " + joinDomains(e.Author.Candidates) + "."
	}
	return s, Reject, true
}

func ownDomainSpoof(r *Rules, e *Evidence) (string, Disposition, bool) {
	if e.OwnDomain == "" || e.Aligned() || r.mayBeProven(e) && !r.waited(e) {
		return "", Reject, false
	}
	s := fmt.Sprintf("The mail claims to come from our own domain %s, but nothing proves it: %s.", named(e.Author.Domain), e.proof())
	if slices.ContainsFunc(e.ForwardPaths, func(p string) bool { return strings.EqualFold(p, e.Author.Address) }) {
		s += " Author and recipient are the same address, as in extortion mail."
	}
	return s, Reject, true
}

func lookalikeDomain(_ *Rules, e *Evidence) (string, Disposition, bool) {
	var worst *Lookalike
	for i := range e.Lookalike {
		l := &e.Lookalike[i]
		if !l.notable() || e.excused(lookalike.Registrable(l.Domain), lookalike.Registrable(l.Target), l.SameOwner) != "" {
			continue
		}
		if worst == nil || l.acts() && !worst.acts() || l.acts() == worst.acts() && l.Confidence > worst.Confidence {
			worst = l
		}
	}
	if worst == nil {
		return "", Quarantine, false
	}
	s := fmt.Sprintf("%s (in the %s).", strings.TrimSuffix(worst.Why, "."), whereWords[worst.Where]) + e.sideBySide(worst)
	if worst.acts() {
		return s, Quarantine, true // never refused: see the reasons of a conversation
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
	return l.Alone && (l.Where == "author" || l.Where == "reply-to" || l.Where == "protected-from" || l.Where == "sender")
}

var whereWords = map[string]string{"author": "From field", "protected-from": "From field inside the signed mail", "reply-to": "Reply-To field", "sender": "Sender field", "resent-from": "Resent-From field", "to": "To field", "cc": "Cc field"}

func impersonated(_ *Rules, e *Evidence) (string, Disposition, bool) {
	switch i := e.Impersonated; {
	case i == nil && e.otherAuthorInside():
		return fmt.Sprintf("The mail is from %s, but the part of it that is signed shows %s as its author, which some mail clients show instead.",
			e.Author.Address, joinDomains(e.Author.Protected.Domains)), Tag, true
	case i == nil:
		if n := e.Thread.borrowed(e); n != nil {
			where := "in this conversation"
			switch n.Where {
			case "memory":
				where = "in earlier mail to this recipient"
			case "listed":
				where = "as an administrator listed it"
			}
			return fmt.Sprintf("The name shown is %q, a name of %s %s, but the mail is from %s.", n.Name, named(n.Domain), where, e.Author.Address), Tag, true
		}
		return e.twin()
	case i.Where != "":
		return fmt.Sprintf("The mail is from %s, but its %s names %s, and nothing proves that.", i.Address, whereWords[i.Where], named(i.Domain)), Reject, true
	case i.Domain != "":
		return fmt.Sprintf("A reader is shown an address of %s, but the mail is from %s.", named(i.Domain), i.Address), Reject, true
	default:
		return fmt.Sprintf("The name shown is that of %q, who is protected, but the address %s is not known to be theirs.", i.Name, i.Address), Reject, true
	}
}

// twin is for who writes from a free mailbox in a conversation in which such a one had
// part, and about another account than before: anna.bergg is not anna.berg.
func (e *Evidence) twin() (string, Disposition, bool) {
	t := &e.Thread
	d := lookalike.Registrable(e.Author.Domain)
	p := &t.Payment
	account := len(p.Changed) > 0 || len(p.Words) > 0 && p.names() // words alone are everybody's
	if e.Author.Ambiguous != "" || !t.anybodys(d) || !account && !(t.Twin && p.changes()) {
		return "", Reject, false
	}
	money := upperFirst(t.Payment.phrase())
	if t.Twin {
		return fmt.Sprintf("The mail quotes somebody of the author's name who has another mailbox of %s than %s. %s.", named(d), e.Author.Address, money), Tag, true
	}
	return fmt.Sprintf("The mail answers in a conversation in which a mailbox of %s had part, and anybody may have another one there: compare %s with the one that you know. %s.", named(d), e.Author.Address, money), Tag, true
}

// otherAuthorInside reports whether the signed part of mail shows another author
// and the outer author's domain signed it so. A mailing list that puts itself in
// the author's place does, too: name it as a forwarder.
func (e *Evidence) otherAuthorInside() bool {
	return e.Author.Ambiguous == "" && e.Author.Protected != nil && len(e.Author.Protected.Domains) > 0 && e.DMARC.DKIMAligned
}

func dmarcFail(r *Rules, e *Evidence) (string, Disposition, bool) {
	if e.Author.Ambiguous != "" || e.Aligned() || !r.strict(e) || r.pending(e) && !r.waited(e) {
		return "", Reject, false
	}
	s := fmt.Sprintf("The mail claims %s, but nothing proves it: %s. ", named(e.Author.Domain), e.proof())
	if p := r.policyFor(e); p != e.DMARC.Policy {
		return s + fmt.Sprintf("%s %s, but our rules treat it as p=%s.", named(e.Author.Domain), e.asks(), p), Reject, true
	}
	if e.policyUnread() {
		return s + fmt.Sprintf("Its policy cannot be read; %s, above it, asks to %s such mail.", named(e.DMARC.Domain), e.DMARC.Policy), Reject, true
	}
	return s + fmt.Sprintf("%s asks to %s such mail.", named(e.DMARC.Domain), e.DMARC.Policy), Reject, true
}

// asks says what the author domain publishes.
func (e *Evidence) asks() string {
	switch {
	case e.policyUnread():
		return "has a DMARC policy that cannot be read now"
	case e.DMARC.Policy == "":
		return "publishes no DMARC policy"
	case e.DMARC.Policy == "none":
		return "asks for no action (p=none)"
	}
	return "asks for p=" + e.DMARC.Policy
}

// policyUnread reports whether it is not known which policy record applies. The
// policy told is then at most that of a domain above.
func (e *Evidence) policyUnread() bool {
	return e.DMARC.Result == mail.TempError && e.DMARC.Published.P == ""
}

// authUnavailable defers while DNS may still prove the author. After the wait a
// domain whose policy is known to be strict, or can only be read above it and is
// strict there, is judged by that (dmarcFail, and ownDomainSpoof for ours): a lame
// delegation below a domain lets anybody keep a signature or a policy undecided
// for ever.
func authUnavailable(r *Rules, e *Evidence) (string, Disposition, bool) {
	if e.Author.Ambiguous != "" || e.Aligned() || !r.pending(e) {
		return "", Reject, false
	}
	s := fmt.Sprintf("DNS did not answer, and the verdict on %s depends on it.", named(e.Author.Domain))
	if e.Hurried {
		s = fmt.Sprintf(hurriedWords, "the verdict on "+named(e.Author.Domain))
	}
	if r.waited(e) {
		return s + fmt.Sprintf(" It was deferred for %s; now it is judged without.", e.WaitedFor.Round(time.Minute)), Tag, true
	}
	return s, Reject, true
}

// hurriedWords say why a hurried message is deferred, and of what DNS would decide.
const hurriedWords = "DNS was waited for only for a moment, because much else waits for it or the header is very large, and %s depends on it."

// notYet is what is done in place of top, the gravest finding, because the message was
// hurried and DNS may still say something for it: who signed or sealed it, and with
// that whose it is. It comes again, and is given its time then.
func (r *Rules) notYet(top Finding, e *Evidence) (Finding, bool) {
	switch {
	case !e.Hurried, !e.unverified(), top.Disposition.severity() <= Defer.severity():
		return top, false
	case top.Reason == FromAmbiguous, top.Reason == Unscannable: // whoever signed it
		return top, false
	case !r.defers(e): // nobody shall wait
		return top, false
	}
	return Finding{AuthUnavailable, Defer, fmt.Sprintf(hurriedWords, "what is said against the mail ("+string(top.Reason)+")")}, true
}

// Pending reports whether DNS that did not answer may hide what proves the author,
// or who passed the message on, whatever the rules: then it matters how long the
// message has waited.
func (e *Evidence) Pending() bool {
	return e.DMARC.Result == mail.TempError || e.unverified()
}

// unverified reports whether DNS that did not answer may hide who signed, sealed or
// sent the message.
func (e *Evidence) unverified() bool {
	return e.SPF.Result == mail.TempError || e.ARC.Result == mail.TempError || e.mayStillAlign() ||
		slices.ContainsFunc(e.DKIM, func(s DKIM) bool { return s.Result == mail.TempError })
}

func bypassSuspect(_ *Rules, e *Evidence) (string, Disposition, bool) {
	if !e.Origin.HopMissing {
		return "", Reject, false
	}
	return fmt.Sprintf("The message should have come in through %q, but its trace does not show that: %s.", e.Source, within(strings.TrimSuffix(e.Origin.Why, "."))), Reject, true
}

func dmarcNoneWeak(r *Rules, e *Evidence) (string, Disposition, bool) {
	if e.Author.Ambiguous != "" || e.Aligned() || r.strict(e) || e.DMARC.Result == mail.TempError || e.Hurried && r.pending(e) {
		return "", Reject, false
	}
	return fmt.Sprintf("Nothing proves that %s sent this: %s; the domain %s.", named(e.Author.Domain), e.proof(), e.asks()), Reject, true
}

func unscannable(_ *Rules, e *Evidence) (string, Disposition, bool) {
	t := &e.Thread
	switch {
	case e.Unscannable != "":
		return "The message cannot be examined whole: " + e.Unscannable + ".", Reject, true
	case t.Unread == "" || e.OwnDomain != "":
		return "", Reject, false
	case t.Unread == thread.MoreRecipients: // whoever is added to a conversation may stand behind them, whoever adds him
		return "Not all recipients could be looked at: there are " + t.Unread + ".", Tag, true
	case t.MemorySince.IsZero():
		return "", Reject, false
	case t.Joins && t.Payment.changes(): // whom he resembles may not have been read, or whose conversation it is
		return fmt.Sprintf("The conversation was not read whole: %s; it brings somebody who is not known here, and speaks of payment.", t.Unread), Tag, true
	case t.Unread == thread.MoreIDs: // alone they hide nothing that counts against him
		return "", Reject, false
	}
	// What a stranger pads his mail with may hide what he quotes.
	known := ""
	switch t.Author.State {
	case Unseen:
		known = noProven(e.Author.Domain)
	case Shadow:
		known = named(e.Author.Domain) + " is not known here for itself"
	default:
		return "", Reject, false
	}
	return fmt.Sprintf("The conversation was not read whole: %s; %s.", t.Unread, known), Tag, true
}

func clean(_ *Rules, e *Evidence) (string, Disposition, bool) {
	var proofs []string
	if e.DMARC.SPFAligned {
		proofs = append(proofs, "it came from "+e.Origin.IP+", which "+named(mail.Domain(e.SPF.Domain))+" lists in SPF")
	}
	switch {
	case e.DMARC.DKIMDomain != "":
		proofs = append(proofs, "the DKIM signature by "+named(e.DMARC.DKIMDomain)+" holds")
	case e.DMARC.DKIMAligned: // older evidence does not say which
		proofs = append(proofs, "an aligned DKIM signature holds")
	}
	if len(proofs) == 0 {
		return "Nothing speaks against this message.", Reject, true
	}
	return "The author domain " + named(e.Author.Domain) + " is proven: " + strings.Join(proofs, "; ") + ".", Reject, true
}

// mayStillAlign reports whether DNS trouble hides a result that could align
// with the author domain, or whether one that passed is aligned. Trouble in
// domains the sender could choose freely does not count: it would be a way to be
// deferred and then delivered.
func (e *Evidence) mayStillAlign() bool {
	open := func(s mail.Status, d mail.Domain) bool {
		switch {
		case s != mail.Pass && s != mail.TempError:
			return false
		case e.DMARC.Result == mail.TempError:
			return e.related(d) || dmarc.SameSuffix(e.Author.Domain, d)
		}
		return s == mail.TempError && e.related(d)
	}
	return open(e.SPF.Result, mail.Domain(e.SPF.Domain)) ||
		slices.ContainsFunc(e.DKIM, func(s DKIM) bool { return open(s.Result, s.Domain) })
}

// related reports whether d is the author domain, or above or below it.
func (e *Evidence) related(d mail.Domain) bool {
	return d.Within(e.Author.Domain) || e.Author.Domain.Within(d)
}
