package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strings"
	"time"

	"mxgate/cmd/mxgate/internal/providers"
	"mxgate/gateway/store"
)

// barWidth is how long the longest bar of a picture is.
const barWidth = 60

// strangerLine is one line of `mxgate strangers -json`. Its names are a contract:
// added, never renamed.
type strangerLine struct {
	Hour     time.Time `json:"hour"`    // its begin, UTC
	Network  string    `json:"network"` // "" for all that came in too great numbers to be told apart
	Count    int64     `json:"count"`
	Helo     string    `json:"helo"`               // the last one offered
	Source   string    `json:"source,omitempty"`   // of the configuration, over or to come
	Provider string    `json:"provider,omitempty"` // id in the catalogue
}

// strangersReport is how `mxgate strangers` is asked.
type strangersReport struct {
	since span
	limit atMost
	now   time.Time
}

func runStrangers(ctx context.Context, args []string, out, errOut io.Writer) int {
	f := flags("strangers", errOut)
	config := f.String("config", "", "configuration `FILE`")
	r := strangersReport{since: span(7 * 24 * time.Hour), limit: 30, now: time.Now()}
	f.Var(&r.since, "since", "look back this `LONG`, in whole hours: 12h, 7d")
	f.Var(&r.limit, "limit", "show at most the `N` networks that came most")
	asJSON := f.Bool("json", false, "one JSON object on a line for each network and hour, all of them")
	if code, ok := parseOnly(f, args); !ok {
		return code
	}
	cfg, code := load(*config, errOut)
	if cfg == nil {
		return code
	}
	return withStore(*config, errOut, func(st *store.Store) error {
		since := r.now.Add(-time.Duration(r.since))
		rows, err := st.Strangers(ctx, since)
		if err != nil {
			return err
		}
		a := providers.NewAttempts(rows, cfg.SourceSet, since, r.now)
		if *asJSON {
			return printStrangersJSON(out, rows, a)
		}
		return r.print(out, a)
	})
}

// printStrangersJSON writes the hours, the newest last.
func printStrangersJSON(out io.Writer, rows []store.StrangerRow, a providers.Attempts) error {
	of := map[netip.Prefix]providers.Stranger{}
	for _, s := range a.Strangers {
		of[s.Network] = s
	}
	slices.SortStableFunc(rows, func(a, b store.StrangerRow) int { return a.Hour.Compare(b.Hour) })
	encoder := json.NewEncoder(out)
	for _, r := range rows {
		line := strangerLine{Hour: r.Hour, Count: r.Count, Helo: r.Helo, Source: of[r.Network].Source, Provider: of[r.Network].Provider}
		if r.Network.IsValid() {
			line.Network = r.Network.String()
		}
		if err := encoder.Encode(line); err != nil {
			return err
		}
	}
	return nil
}

// print writes the report: who, how often, first and last, then the picture.
func (r strangersReport) print(out io.Writer, a providers.Attempts) error {
	if a.Count == 0 {
		_, err := fmt.Fprintf(out, "nobody in the last %s\n", &r.since)
		return err
	}
	const hour = "2006-01-02 15:04 MST"
	t := table{}
	t.add("", "NETWORK", "COUNT", "HOURS", "FIRST", "LAST", "LAST HELO", "BELONGS TO")
	for _, s := range a.Strangers[:min(len(a.Strangers), int(r.limit))] {
		network := "all others"
		if s.Network.IsValid() {
			network = s.Network.String()
			if s.Network.IsSingleIP() {
				network = s.Network.Addr().String()
			}
		}
		t.add("", network, fmt.Sprintf("%5d", s.Count), fmt.Sprintf("%5d", s.Hours), s.First.Local().Format(hour), s.Last.Local().Format(hour), shown(s.Helo, 60), belongsTo(s))
	}
	if err := t.print(out); err != nil {
		return err
	}
	if more := len(a.Strangers) - int(r.limit); more > 0 {
		fmt.Fprintf(out, "and %s more: -limit N shows others\n", counted(int64(more), "network"))
	}
	_, err := fmt.Fprintf(out, "\n%s from %s in the last %s, all refused (hosts of a near miss: deferred)\nby the %s (UTC):\n\n%s",
		counted(a.Count, "connection"), counted(int64(len(a.Strangers)), "network"), &r.since, unitName(a.Unit), picture(a))
	return err
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

// picture draws a bar for each hour, day or week.
func picture(a providers.Attempts) string {
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
	return text.String()
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

// counted is "1 network", "2 networks".
func counted(n int64, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
