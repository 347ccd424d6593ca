package trace

import (
	_ "embed" // of page.tmpl
	"fmt"
	"html/template"
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

//go:embed page.tmpl
var pageText string

var pageTemplate = template.Must(template.New("page").Funcs(template.FuncMap{
	"day": dayOf, "clock": clock, "messages": messages, "dayAt": func(t time.Time) string { return day(t) },
	"signed": func(n int) string { return fmt.Sprintf("%+d", n) }, "label": func(p DirectPeer) string { return p.label() },
	"heading": (*Traced).heading, "hop": func(h Hop, boundary int) string { return h.line(boundary) },
}).Parse(pageText))

// pageData is what the template shows.
type pageData struct {
	*Report
	Made       time.Time
	Tiles      []tile
	Columns    columns
	Peers      bars
	Recipients bars
	Authors    bars
	Spans      spans
	Delays     []delayBar
	Messages   []*Traced
	More       int
	Truncated  bool
}

// tile is one large figure.
type tile struct {
	Class Verdict
	Count int
	Share string
}

// Write writes the page. made is the time that it bears.
func (p *Page) Write(w io.Writer, r *Report, made time.Time) error {
	d := pageData{Report: r, Made: made.UTC(), Messages: p.messages, More: p.more, Truncated: p.more > 0}
	for _, v := range r.Verdicts {
		if v.Count == 0 && !v.Verdict.Found() {
			continue
		}
		share := ""
		if r.Messages > 0 {
			share = fmt.Sprintf("%.1f %%", 100*float64(v.Count)/float64(r.Messages))
		}
		d.Tiles = append(d.Tiles, tile{v.Verdict, v.Count, share})
	}
	d.Columns = monthColumns(r)
	var peers []Counted
	for i := range r.Direct {
		peers = append(peers, Counted{r.Direct[i].Count, r.Direct[i].label()})
	}
	d.Peers, d.Recipients, d.Authors = barsOf(peers), barsOf(r.Recipients), barsOf(r.Authors)
	d.Spans = spansOf(r)
	d.Delays = delayBars(r)
	if err := pageTemplate.Execute(w, d); err != nil {
		return fmt.Errorf("trace: page: %w", err)
	}
	return nil
}
