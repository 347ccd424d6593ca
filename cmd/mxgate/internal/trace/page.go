package trace

import (
	"fmt"
	"io"
	"time"
)

// maxPageMessages bounds the messages that a page shows one by one.
const maxPageMessages = 500

// Page writes a report as one HTML file with charts in it. It loads nothing, runs
// no script, and says so to the browser: the texts in it are those of attackers.
type Page struct {
	messages []*Traced
	more     int
}

// NewPage returns an empty page.
func NewPage() *Page { return new(Page) }

// Add keeps a message for the page if it came past the provider.
func (p *Page) Add(t *Traced) {
	switch {
	case !t.Verdict.Found() || t.Copy:
	case len(p.messages) == maxPageMessages:
		p.more++
	default:
		p.messages = append(p.messages, t)
	}
}

// Write writes the page. made is the time that it bears.
func (p *Page) Write(w io.Writer, r *Report, made time.Time) error {
	var s sheet
	s.head(r.Verdicts)
	s.summary(r, made)
	s.whatToDo(r)
	s.months(r)
	s.spans(spansOf(r))
	s.rankings(r)
	s.tables(r)
	s.delays(delayBars(r))
	p.each(&s)
	s.WriteString("</main></body></html>\n")
	if _, err := io.WriteString(w, s.String()); err != nil {
		return fmt.Errorf("trace: page: %w", err)
	}
	return nil
}

// each shows the messages that came past the provider, one by one.
func (p *Page) each(s *sheet) {
	if len(p.messages) == 0 {
		return
	}
	s.section("Messages that came past the provider", func() {
		if p.more > 0 {
			s.soft("The first %s; %s more are in the text and in -json.", len(p.messages), p.more)
		}
		for _, t := range p.messages {
			s.message(t)
		}
	})
}
