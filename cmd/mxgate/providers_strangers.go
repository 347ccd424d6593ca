package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"mxgate/cmd/mxgate/internal/providers"
	"mxgate/gateway/store"
)

// barWidth is how long the longest bar of a picture is.
const barWidth = 60

// attemptLine is one line of `mxgate providers strangers -json`. Its names are a
// contract: added, never renamed.
type attemptLine struct {
	Network  string    `json:"network"` // "" for all that came in too great numbers to be told apart
	Count    int64     `json:"count"`
	First    time.Time `json:"first"` // begin of the hour, UTC
	Last     time.Time `json:"last"`
	Hours    int       `json:"hours"`    // in which it came
	Helo     string    `json:"helo"`     // the last one offered
	Source   string    `json:"source"`   // of the configuration, over or to come
	Provider string    `json:"provider"` // id in the catalogue
}

func (p *providing) strangersFlags() {
	p.since, p.limit = span(7*24*time.Hour), 30
	p.flags.Var(&p.since, "since", "look back this `LONG`, in whole hours: 12h, 7d")
	p.flags.Var(&p.limit, "limit", "show at most the `N` networks that came most")
	p.flags.BoolVar(&p.json, "json", false, "one JSON object on a line for each network")
}

func (p *providing) strangers(ctx context.Context, rest []string) int {
	if len(rest) > 0 {
		return misused(p.flags, fmt.Sprintf("unexpected argument %q", rest[0]))
	}
	return withStore(p.file, p.errOut, func(st *store.Store) error {
		since := p.now.Add(-time.Duration(p.since))
		rows, err := st.Strangers(ctx, since)
		if err != nil {
			return err
		}
		a := providers.NewAttempts(rows, p.cfg.SourceSet, since, p.now)
		if p.json {
			return p.printAttemptsJSON(a)
		}
		return p.printAttempts(a)
	})
}

func (p *providing) printAttemptsJSON(a providers.Attempts) error {
	encoder := json.NewEncoder(p.out)
	for _, s := range a.Strangers[:min(len(a.Strangers), int(p.limit))] {
		line := attemptLine{Count: s.Count, First: s.First, Last: s.Last, Hours: s.Hours, Helo: s.Helo, Source: s.Source, Provider: s.Provider}
		if s.Network.IsValid() {
			line.Network = s.Network.String()
		}
		if err := encoder.Encode(line); err != nil {
			return err
		}
	}
	return nil
}

func (p *providing) printAttempts(a providers.Attempts) error {
	if a.Count == 0 {
		_, err := fmt.Fprintf(p.out, "nobody in the last %s\n", &p.since)
		return err
	}
	const hour = "2006-01-02 15:04 MST"
	t := table{}
	t.add("", "NETWORK", "COUNT", "HOURS", "FIRST", "LAST", "LAST HELO", "BELONGS TO")
	for _, s := range a.Strangers[:min(len(a.Strangers), int(p.limit))] {
		network := "all others"
		if s.Network.IsValid() {
			network = s.Network.String()
			if s.Network.IsSingleIP() {
				network = s.Network.Addr().String()
			}
		}
		t.add("", network, fmt.Sprintf("%5d", s.Count), fmt.Sprintf("%5d", s.Hours), s.First.Local().Format(hour), s.Last.Local().Format(hour), shown(s.Helo, 60), belongsTo(s))
	}
	if err := t.print(p.out); err != nil {
		return err
	}
	if more := len(a.Strangers) - int(p.limit); more > 0 {
		fmt.Fprintf(p.out, "and %s more: -limit N shows others\n", counted(int64(more), "network"))
	}
	fmt.Fprintf(p.out, "\n%s from %s in the last %s, by the %s (UTC):\n\n", counted(a.Count, "connection"), counted(int64(len(a.Strangers)), "network"), &p.since, unitName(a.Unit))
	return p.printPicture(a)
}

// belongsTo says what the configuration and the catalogue know of a stranger.
func belongsTo(s providers.Stranger) string {
	switch {
	case s.Source != "":
		return "source " + s.Source + ", not admitted now"
	case s.Provider != "":
		return s.Provider + ", in no source"
	}
	return "-"
}

// printPicture draws a bar for each hour, day or week.
func (p *providing) printPicture(a providers.Attempts) error {
	layout, most := time.DateOnly, int64(1)
	if a.Unit < 24*time.Hour {
		layout = "2006-01-02 15:04"
	}
	for _, b := range a.Picture {
		most = max(most, b.Count)
	}
	var text strings.Builder
	for _, b := range a.Picture {
		bar := int(float64(b.Count) / float64(most) * barWidth)
		if b.Count > 0 {
			bar = max(bar, 1) // a single one must not look like none
		}
		fmt.Fprintf(&text, "%s %s\n", b.Begin.Format(layout), strings.TrimRight(fmt.Sprintf("%6d %s", b.Count, strings.Repeat("#", bar)), " "))
	}
	_, err := fmt.Fprint(p.out, text.String())
	return err
}

func unitName(unit time.Duration) string {
	switch unit {
	case time.Hour:
		return "hour"
	case 24 * time.Hour:
		return "day"
	}
	return "week"
}
