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
	domain := named(mail.Domain(e.SPF.Domain))
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
	domain := named(s.Domain)
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
		text += s.heldWords()
	}
	return text
}

// heldWords goes on where the provider found that the signature held.
func (s *DKIM) heldWords() string {
	switch dkim.Breakage(s.Breakage) {
	case dkim.BodyChanged, dkim.HeaderChanged, dkim.HeaderAndBodyChanged:
		return ", and that happened between the provider and us: the provider still saw it hold"
	case dkim.KeyGone:
		return "; when the provider looked, the key was still there"
	}
	if s.Result == mail.Policy { // SHA-1, a weak key, l=
		return "; the provider still lets that count"
	}
	return "; the provider saw it hold"
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
		if strings.HasSuffix(s.Why, "was revoked") {
			return "cannot be checked, as the domain has revoked the key for it"
		}
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

// withWhy says why a check ended as it did.
func withWhy(result mail.Status, what, why string) string {
	text := string(result) + " " + what
	if why == "" {
		return text
	}
	return text + ": " + why
}

// named is a domain as it is read and, where that is another, as it travels: the
// letters of one may be taken for those of another.
func named(d mail.Domain) string {
	shown := d.Unicode()
	if shown == string(d) {
		return shown
	}
	return shown + " (" + string(d) + ")"
}

func joinDomains(ds []mail.Domain) string {
	names := make([]string, len(ds))
	for i, d := range ds {
		names[i] = named(d)
	}
	return strings.Join(names, ", ")
}

// within has a sentence of ours go on in another one.
func within(sentence string) string {
	if strings.HasPrefix(sentence, "Received ") {
		return sentence // the name of a field
	}
	return lowerFirst(sentence)
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
	text := fmt.Sprintf("set %d sealed by %s", s.Instance, named(s.Sealer))
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
		about += " for " + named(s.Domain)
	}
	by := "in its seal"
	switch {
	case s.Via == ViaField && s.ID == "": // as Microsoft writes it
		by = "by the provider (field without a name)"
	case s.Via == ViaField:
		by = "as " + s.ID
	}
	text := fmt.Sprintf("%s, %s", about, by)
	switch s.Agreement {
	case Agrees:
		if s.Ours == s.Result {
			return text + "; so do we"
		}
		return text + fmt.Sprintf("; we say %s: neither of us finds it proven", s.Ours)
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
