package policy

import (
	"fmt"
	"io"
	"strings"

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
			parts = append(parts, s.words())
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
		return fmt.Sprintf("%s, and SPF of %s has an error", subject, domain)
	case mail.Neutral:
		return fmt.Sprintf("%s, on which SPF of %s takes no position", subject, domain)
	}
	if domain == "" {
		return subject
	}
	return fmt.Sprintf("%s, and %s has no SPF", subject, domain)
}

func (s DKIM) words() string {
	domain := s.Domain.Unicode()
	if domain == "" {
		domain = "an unreadable domain"
	}
	if s.Result == mail.Pass {
		return fmt.Sprintf("the valid DKIM signature is by %s, not by the author's domain", domain)
	}
	text := fmt.Sprintf("the DKIM signature by %s does not hold (%s)", domain, s.Result)
	if s.Why != "" {
		text = fmt.Sprintf("the DKIM signature by %s does not hold: %s", domain, strings.TrimSuffix(s.Why, "."))
	}
	return text
}

// Explain writes what was found and decided, for people. Bytes of the message
// are quoted: a terminal must not obey them.
func Explain(w io.Writer, e *Evidence, v Verdict) error {
	var b strings.Builder
	line := func(key, format string, args ...any) {
		fmt.Fprintf(&b, "  %-11s %s\n", key, inert(fmt.Sprintf(format, args...)))
	}
	fmt.Fprintf(&b, "%s: %s\n", strings.ToUpper(v.Disposition.String()), v.Reason)
	line("why", "%s", v.Sentence)
	for _, f := range v.Findings {
		if f.Reason != v.Reason {
			line("also", "%s (%s): %s", f.Reason, f.Disposition, f.Sentence)
		}
	}
	for _, r := range v.Excepted {
		line("excepted", "%s, by a rule of the operator", r)
	}
	line("author", "%s", authorWords(e.Author))
	if e.Origin.IP != "" {
		line("origin", "%s, HELO %s (%s, confidence %s): %s", e.Origin.IP, or(e.Origin.Helo, "not known"), e.Origin.Method, e.Origin.Confidence, e.Origin.Why)
	} else {
		line("origin", "not known: %s", e.Origin.Why)
	}
	line("SPF", "%s", withWhy(fmt.Sprintf("%s (%s %s)", e.SPF.Result, or(e.SPF.Identity, "mailfrom"), or(e.SPF.Domain, "none")), e.SPF.Why))
	if len(e.DKIM) == 0 {
		line("DKIM", "none: the message is not signed")
	}
	for _, s := range e.DKIM {
		line("DKIM", "%s", withWhy(fmt.Sprintf("%s (domain %s, selector %s)", s.Result, s.Domain.Unicode(), s.Selector), s.Why))
	}
	if e.ARC.Why != "" {
		line("ARC", "%s", withWhy(string(e.ARC.Result), e.ARC.Why))
	}
	line("DMARC", "%s", withWhy(fmt.Sprintf("%s (policy %s; aligned: SPF %s, DKIM %s)", e.DMARC.Result, or(e.DMARC.Policy, "not published"), yes(e.DMARC.SPFAligned), yes(e.DMARC.DKIMAligned)), e.DMARC.Why))
	for _, l := range e.Lookalike {
		line("look-alike", "%s [%s, confidence %d, in %s]", l.Why, l.Class, l.Confidence, l.Where)
	}
	_, err := io.WriteString(w, b.String())
	return err
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

func withWhy(text, why string) string {
	if why == "" {
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

// inert replaces control and invisible characters.
func inert(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 || r >= 0x200b && r <= 0x200f || r >= 0x2028 && r <= 0x202e || r >= 0x2060 && r <= 0x206f || r == 0xfeff {
			return '?'
		}
		return r
	}, s)
}

// Plain makes text from a message fit for one line of a terminal: at most most
// characters, nothing a terminal obeys.
func Plain(s string, most int) string {
	runes := []rune(inert(s))
	if len(runes) > most {
		return string(runes[:most-1]) + "…"
	}
	return string(runes)
}
