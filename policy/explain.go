package policy

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

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
	switch s.Result {
	case mail.Pass:
		return fmt.Sprintf("the valid DKIM signature is by %s, not by the author's domain", domain)
	case mail.TempError: // Why may quote our resolver, which is nobody's business
		return fmt.Sprintf("the DKIM signature by %s cannot be checked now: DNS does not answer", domain)
	}
	text := fmt.Sprintf("the DKIM signature by %s does not hold (%s)", domain, s.Result)
	if s.Why != "" {
		text = fmt.Sprintf("the DKIM signature by %s does not hold: %s", domain, strings.TrimSuffix(s.Why, "."))
	}
	return text
}

// Explain writes what was found and decided, for people: a heading that starts
// with "verdict:", then labelled lines, wrapped. Bytes of the message are
// quoted: a terminal must not obey them.
func Explain(w io.Writer, e *Evidence, v Verdict) error {
	var b strings.Builder
	line := func(key, format string, args ...any) { b.WriteString(Labelled(key, fmt.Sprintf(format, args...))) }
	fmt.Fprintf(&b, "verdict: %s: %s\n", strings.ToUpper(v.Disposition.String()), v.Reason)
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
	if p := e.Author.Protected; p != nil {
		line("signed part", "%s", p.words())
	}
	if e.Origin.IP != "" {
		line("origin", "%s, HELO %s (%s, confidence %s): %s", e.Origin.IP, or(e.Origin.Helo, "not known"), e.Origin.Method, e.Origin.Confidence, e.Origin.Why)
		line("SPF", "%s", withWhy(e.SPF.Result, fmt.Sprintf("(%s %s)", or(e.SPF.Identity, "mailfrom"), or(e.SPF.Domain, "none")), e.SPF.Why))
	} else {
		line("origin", "not known: %s", e.Origin.Why)
		line("SPF", "%s: not evaluated, since the origin is not known", e.SPF.Result)
	}
	if len(e.DKIM) == 0 {
		line("DKIM", "none: the message is not signed")
	}
	for _, s := range e.DKIM {
		line("DKIM", "%s", withWhy(s.Result, fmt.Sprintf("(domain %s, selector %s)", s.Domain.Unicode(), s.Selector), s.Why))
	}
	if e.ARC.Why != "" {
		line("ARC", "%s: %s", e.ARC.Result, e.ARC.Why)
	}
	line("DMARC", "%s", withWhy(e.DMARC.Result, fmt.Sprintf("(policy %s; aligned: SPF %s, DKIM %s)", or(e.DMARC.Policy, "not published"), yes(e.DMARC.SPFAligned), yes(e.DMARC.DKIMAligned)), e.DMARC.Why))
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

// Shape of a labelled line.
const (
	lineWidth  = 100
	labelWidth = 14 // two spaces, the label, a space
)

// Labelled is one labelled line as Explain writes them: text of a message made
// plain, wrapped, the further lines indented below the first.
func Labelled(label, text string) string {
	lines := Wrap(inert(text), lineWidth-labelWidth)
	if len(lines) == 0 {
		lines = []string{"-"}
	}
	var b strings.Builder
	for _, line := range lines {
		fmt.Fprintf(&b, "  %-*s%s\n", labelWidth-2, label, line)
		label = ""
	}
	return b.String()
}

// Wrap breaks text at white space into lines of at most width characters; a
// longer word is a line of its own. Without a word there is no line.
func Wrap(text string, width int) []string {
	var lines []string
	line, used := strings.Builder{}, 0
	for word := range strings.FieldsSeq(text) {
		n := utf8.RuneCountInString(word)
		switch {
		case used == 0:
		case used+1+n > width:
			lines = append(lines, line.String())
			line.Reset()
			used = 0
		default:
			line.WriteByte(' ')
			used++
		}
		line.WriteString(word)
		used += n
	}
	if used > 0 {
		lines = append(lines, line.String())
	}
	return lines
}
