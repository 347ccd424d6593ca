package policy

import (
	"fmt"
	"io"
	"strings"

	"mxgate/policy/mail"
)

// Explain writes what was found and decided, for people: a heading that starts
// with "verdict:", then labelled lines, wrapped. Bytes of the message are
// quoted: a terminal must not obey them.
func Explain(w io.Writer, e *Evidence, v Verdict) error {
	return ExplainAs(w, strings.ToUpper(v.Disposition.String())+": "+string(v.Reason)+e.without(v.Reason), e, v)
}

// ExplainAs is Explain with a heading of the caller's behind "verdict:", for one that
// is still open.
func ExplainAs(w io.Writer, heading string, e *Evidence, v Verdict) error {
	var x explanation
	fmt.Fprintf(&x.b, "verdict: %s\n", heading)
	x.verdict(e, &v)
	x.author(&e.Author)
	if e.Path.Verdict != "" { // older evidence has none
		x.line("path", "%s", e.Path.words())
	}
	x.origin(e)
	x.signatures(e)
	x.chain(e, &v)
	x.dmarc(&e.DMARC)
	for i := range e.Provider {
		x.line("provider", "%s", e.Provider[i].words())
	}
	for _, l := range e.Lookalike {
		x.line("look-alike", "%s [%s, confidence %d, in %s]", l.Why, l.Class, l.Confidence, l.Where)
	}
	x.conversation(e, &v)
	_, err := io.WriteString(w, x.b.String())
	return err
}

// explanation is the text of Explain as it is written.
type explanation struct{ b strings.Builder }

func (x *explanation) line(key, format string, args ...any) {
	x.b.WriteString(Labelled(key, fmt.Sprintf(format, args...)))
}

func (x *explanation) verdict(e *Evidence, v *Verdict) {
	x.line("why", "%s", v.Sentence)
	told := strings.Contains(v.Sentence, e.proof())
	// once leaves out what speaks for the author where it was told before.
	once := func(sentence string) string {
		if told {
			return strings.Replace(sentence, ": "+e.proof(), "", 1)
		}
		told = strings.Contains(sentence, e.proof())
		return sentence
	}
	for _, f := range v.Findings {
		if f.Reason != v.Reason {
			x.line("also", "%s (%s): %s", f.Reason, f.Disposition, once(f.Sentence))
		}
	}
	for _, r := range v.Excepted {
		x.line("excepted", "%s, by a rule of the operator", r)
	}
	for i, l := range v.Lifted {
		text := fmt.Sprintf("%s, by the %s %q", l.Reason, l.By, l.Name)
		if i == 0 && v.Sentence != l.Sentence { // one sentence tells of all
			text += ": " + once(l.Sentence)
		}
		x.line("lifted", "%s", text)
	}
}

// without says of a reason that rests on what proves the author that SPF, which
// might have, could not be asked.
func (e *Evidence) without(r Reason) string {
	if (r == OwnDomainSpoof || r == DMARCFail || r == DMARCNoneWeak) && e.SPF.Result == mail.None && strings.HasPrefix(e.SPF.Why, "not ") {
		return ", without SPF"
	}
	return ""
}

func (x *explanation) author(a *Author) {
	x.line("author", "%s", authorWords(*a))
	for _, value := range a.From {
		x.line("from", "%s", value)
	}
	if len(a.Sender) > 0 {
		x.line("sender", "the Sender field names %s", joinDomains(a.Sender))
	}
	if len(a.ResentFrom) > 0 {
		x.line("resent", "the Resent-From field names %s", joinDomains(a.ResentFrom))
	}
	if p := a.Protected; p != nil {
		x.line("signed part", "%s", p.words())
	}
}

func (x *explanation) origin(e *Evidence) {
	if e.Origin.IP == "" {
		x.line("origin", "not known: %s", within(e.Origin.Why))
		x.line("SPF", "%s: not evaluated, since the origin is not known", e.SPF.Result)
		return
	}
	x.line("origin", "%s, HELO %s (%s, confidence %s): %s", e.Origin.IP, or(e.Origin.Helo, "not known"), e.Origin.Method, e.Origin.Confidence, e.Origin.Why)
	x.line("SPF", "%s", withWhy(e.SPF.Result, fmt.Sprintf("(%s %s)", or(e.SPF.Identity, "mailfrom"), or(e.SPF.Domain, "none")), e.SPF.Why))
	if text := e.SPF.Explanation; text != "" { // a stranger's words
		x.line("SPF says", "%s would tell whoever is refused: %q", e.SPF.Domain, text)
	}
	if h := e.SPF.Helo; h.Domain != "" {
		x.line("SPF", "%s", withWhy(h.Result, "(helo "+h.Domain+", decides nothing)", h.Why))
	}
}

func (x *explanation) signatures(e *Evidence) {
	if len(e.DKIM) == 0 {
		x.line("DKIM", "none: the message is not signed")
	}
	for _, s := range e.DKIM {
		x.line("DKIM", "%s", withWhy(s.Result, fmt.Sprintf("(domain %s, selector %s)", named(s.Domain), s.Selector), s.Why))
	}
}

func (x *explanation) chain(e *Evidence, v *Verdict) {
	if e.ARC.Result != mail.None && e.ARC.Result != "" {
		x.line("ARC", "%s", withWhy(e.ARC.Result, fmt.Sprintf("(sets: %d)", len(e.ARC.Sets)), e.ARC.Why))
	}
	for i := range e.ARC.Sets {
		text := e.ARC.Sets[i].words()
		for _, d := range v.Disbelieved {
			if d.Set == e.ARC.Sets[i].Instance {
				text += "; not believed: " + d.Why
			}
		}
		x.line("ARC", "%s", text)
	}
	for _, d := range v.Disbelieved {
		if d.Set == 0 {
			x.line("forwarder", "%q is not believed: %s", d.Name, d.Why)
		}
	}
}

func (x *explanation) dmarc(d *DMARC) {
	none := "unknown"
	if d.Result == mail.None {
		none = "not published"
	}
	x.line("DMARC", "%s", withWhy(d.Result, fmt.Sprintf("(policy %s; aligned: SPF %s, DKIM %s)", or(d.Policy, none), yes(d.SPFAligned), yes(d.DKIMAligned)), d.Why))
	for _, f := range d.Faults {
		x.line("fault", "of the DMARC record, for its owner to mend: %s", f)
	}
}
