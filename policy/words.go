package policy

import (
	"fmt"
	"strings"

	"mxgate/policy/dkim"
	"mxgate/policy/mail"
)

// proof says in words what speaks for the author domain and what does not. It
// is used where nothing aligned.
func (e *Evidence) proof() string {
	parts := []string{e.spfWords()}
	switch {
	case len(e.DKIM) == 0:
		parts = append(parts, "it carries no DKIM signature")
	default:
		for i, s := range e.DKIM {
			if i == 2 {
				parts = append(parts, fmt.Sprintf("%d more signatures prove nothing either", len(e.DKIM)-2))
				break
			}
			parts = append(parts, e.signatureWords(&s))
		}
	}
	return strings.Join(parts, "; ")
}

func (e *Evidence) spfWords() string {
	if e.Origin.IP == "" {
		return "the origin is not known"
	}
	subject := fmt.Sprintf("it came from %s", e.Origin.IP)
	domain := mail.Domain(e.SPF.Domain).Unicode()
	switch e.SPF.Result {
	case mail.Pass:
		return fmt.Sprintf("%s, which %s lists in SPF, but that is not the author's domain", subject, domain)
	case mail.Fail, mail.SoftFail:
		return fmt.Sprintf("%s, which %s does not list in SPF", subject, domain)
	case mail.TempError:
		return fmt.Sprintf("%s, and SPF of %s cannot be read now", subject, domain)
	case mail.PermError:
		return fmt.Sprintf("%s, and the SPF record of %s is broken, so that it lists nobody", subject, domain)
	case mail.Neutral:
		return fmt.Sprintf("%s, on which SPF of %s takes no position", subject, domain)
	}
	if domain == "" {
		return subject
	}
	return fmt.Sprintf("%s, and %s has no SPF", subject, domain)
}

// signatureWords says why s proves nothing about the author.
func (e *Evidence) signatureWords(s *DKIM) string {
	domain := s.Domain.Unicode()
	if domain == "" {
		domain = "an unreadable domain"
	}
	subject := "the DKIM signature by " + domain
	if s.Domain != "" && s.Domain == e.Author.Domain {
		subject = "its DKIM signature"
	}
	switch {
	case s.Result == mail.Pass:
		return fmt.Sprintf("the valid DKIM signature is by %s, not by the author's domain", domain)
	case s.Result == mail.TempError: // Why may quote our resolver, which is nobody's business
		return subject + " cannot be checked now: DNS does not answer"
	}
	text := subject + " " + s.breakageWords()
	if e.sawHold(s) {
		text += ", and that happened between the provider and us: the provider still saw it hold"
	}
	return text
}

// breakageWords says what became of a signature that does not hold.
func (s *DKIM) breakageWords() string {
	switch dkim.Breakage(s.Breakage) {
	case dkim.BodyChanged:
		return "broke because the body was changed after signing"
	case dkim.HeaderChanged:
		return "broke because header fields were changed after signing"
	case dkim.HeaderAndBodyChanged:
		return "broke because header and body were changed after signing, or it was taken from another message"
	case dkim.HeaderOrKey:
		return "does not hold: header fields were changed after signing, or it was made with another key"
	case dkim.OtherKey:
		return "was not made with the key that the domain publishes"
	case dkim.KeyGone:
		return "cannot be checked, as the domain does not publish the key for it"
	}
	if s.Why == "" {
		return fmt.Sprintf("does not hold (%s)", s.Result)
	}
	return "does not hold: " + strings.TrimSuffix(s.Why, ".")
}

func authorWords(a Author) string {
	switch {
	case a.Ambiguous != "":
		return "not exactly one: " + a.Ambiguous
	case a.Display != "":
		return fmt.Sprintf("%s (%q)", a.Address, a.Display)
	}
	return a.Address
}

// withWhy says why a check ended as it did. A temperror goes without: what the
// resolver said is for our log.
func withWhy(result mail.Status, what, why string) string {
	text := string(result) + " " + what
	if why == "" || result == mail.TempError {
		return text
	}
	return text + ": " + why
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

func or(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

// words says what the set tells.
func (s *ARCSet) words() string {
	text := fmt.Sprintf("set %d sealed by %s", s.Instance, s.Sealer.Unicode())
	if !s.SealedAt.IsZero() {
		text += " on " + s.SealedAt.UTC().Format("2006-01-02 15:04 MST")
	}
	switch mail.Status(s.CV) {
	case mail.Pass:
		text += ", which found the sets before it whole"
	case mail.Fail:
		text += ", which found the sets before it broken"
	}
	switch {
	case s.Claim.vouches():
		text += "; it says that " + s.Claim.words("the author's domain")
	case s.Claim.denies():
		text += "; it says that DMARC failed"
	}
	return text
}

// words says what the provider found, and how that fits what we did.
func (s *Statement) words() string {
	about := s.Method + "=" + string(s.Result)
	if s.Domain != "" {
		about += " for " + s.Domain.Unicode()
	}
	by := "in its seal"
	if s.Via == ViaField {
		by = "as " + or(s.ID, "nobody named")
	}
	text := fmt.Sprintf("%s, %s", about, by)
	switch s.Agreement {
	case Agrees:
		return text + "; so do we"
	case Differs:
		text += fmt.Sprintf("; we say %s", s.Ours)
	default:
		text += "; cannot be compared"
	}
	if s.Cause != "" && s.Cause != CauseUnknown {
		text += fmt.Sprintf(" (%s)", s.Cause)
	}
	if s.Why != "" {
		text += ": " + s.Why
	}
	return text
}
