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

	"mxgate/cmd/mxgate/internal/count"
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
	Source   string    `json:"source,omitempty"`   // of the configuration, that has the address
	Provider string    `json:"provider,omitempty"` // id in the catalogue
	// State is how the source stands today: "admitted", "to come" or "over".
	State string `json:"source_state,omitempty"`
	// NearMisses of Count were told to wait (451): their host has a name of the
	// source NearMissOf, and its address is not in the ranges.
	NearMisses int64  `json:"near_misses,omitempty"`
	NearMissOf string `json:"near_miss_of,omitempty"`
}

// strangersReport is how `mxgate strangers` is asked.
type strangersReport struct {
	since moment
	limit atMost
	now   time.Time
}

func runStrangers(ctx context.Context, args []string, out, errOut io.Writer) int {
	f := flags("strangers", errOut)
	config := f.String("config", "", "configuration `FILE`")
	r := strangersReport{since: moment{ago: span(7 * 24 * time.Hour)}, limit: 30, now: time.Now()}
	f.Var(&r.since, "since", "look back `WHEN`, in whole hours: so long (12h, 7d, 2w), or to a date (2026-11-22, 2026-11-22T10:00) in the time zone of this machine")
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
		since := r.since.on(r.now)
		rows, err := st.Strangers(ctx, since)
		if err != nil {
			return err
		}
		a := providers.NewAttempts(rows, cfg.SourceSet, since, r.now)
		if *asJSON {
			return r.printJSON(out, rows, a)
		}
		return r.print(out, a)
	})
}

// printJSON writes the hours, the newest last.
func (r strangersReport) printJSON(out io.Writer, rows []store.StrangerRow, a providers.Attempts) error {
	of := map[netip.Prefix]providers.Stranger{}
	for _, s := range a.Strangers {
		of[s.Network] = s
	}
	slices.SortStableFunc(rows, func(a, b store.StrangerRow) int { return a.Hour.Compare(b.Hour) })
	encoder := json.NewEncoder(out)
	for _, row := range rows {
		stranger := of[row.Network]
		line := strangerLine{Hour: row.Hour, Count: row.Count, Helo: row.Helo, Source: stranger.Source.Name, Provider: stranger.Provider,
			NearMisses: row.NearCount, NearMissOf: row.NearSource}
		if row.Network.IsValid() {
			line.Network = row.Network.String()
		}
		if line.Source != "" {
			line.State = stranger.State(r.now)
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
		_, err := fmt.Fprintf(out, "nobody %s\n", looked(r.since, moment{}))
		return err
	}
	const hour = "2006-01-02 15:04 MST"
	t := table{}
	t.add("", "NETWORK", "COUNT", "HOURS", "FIRST", "LAST", "LAST HELO", "BELONGS TO")
	top := a.Strangers[:min(len(a.Strangers), int(r.limit))]
	for _, s := range top {
		network := "all others"
		if s.Network.IsValid() {
			network = s.Network.String()
			if s.Network.IsSingleIP() {
				network = s.Network.Addr().String()
			}
		}
		t.add("", network, fmt.Sprintf("%5d", s.Count), fmt.Sprintf("%5d", s.Hours), s.First.Local().Format(hour), s.Last.Local().Format(hour), shown(s.Helo, 60), r.belongsTo(s))
	}
	if err := t.print(out); err != nil {
		return err
	}
	if more := len(a.Strangers) - int(r.limit); more > 0 {
		fmt.Fprintf(out, "and %s more: -limit N shows others\n", count.Of(more, "network"))
	}
	if slices.ContainsFunc(top, func(s providers.Stranger) bool { return s.Source.Name != "" && s.State(r.now) == providers.Admitted }) {
		fmt.Fprintln(out, "\nadmitted now: it came before the configuration was as it is, or the gateway runs with an older one")
	}
	if slices.ContainsFunc(top, func(s providers.Stranger) bool { return s.Waits(r.now) }) {
		fmt.Fprintln(out, "\nnear miss: its name is that of a source, its address is in no ranges, and its mail waits at the sender:\nif the provider publishes the address (`mxgate providers refresh`), add it to ranges before the mail bounces")
	}
	became := "all refused"
	if a.NearCount > 0 {
		became = fmt.Sprintf("refused, %d of them told to wait: near misses", a.NearCount)
	}
	_, err := fmt.Fprintf(out, "\n%s from %s %s, %s\nby %s (UTC):\n\n%s",
		count.Of(a.Count, "connection"), count.Of(len(a.Strangers), "network"), looked(r.since, moment{}), became, unitName(a.Unit), picture(a))
	return err
}

// belongsTo says what the configuration, as it is today, and the catalogue know of
// a stranger.
func (r strangersReport) belongsTo(s providers.Stranger) string {
	if s.Waits(r.now) {
		return "source " + s.NearSource + ", near miss: told to wait"
	}
	if s.Source.Name == "" {
		if s.Provider == "" {
			return "-"
		}
		return s.Provider + ", in no source"
	}
	text := "source " + s.Source.Name
	if s.Part {
		text = "in part source " + s.Source.Name
	}
	switch s.State(r.now) {
	case providers.ToCome:
		return text + ", admitted from " + s.Source.ValidFrom.UTC().Format(time.DateOnly)
	case providers.Over:
		return text + ", over since " + s.Source.OverSince().Format(time.DateOnly)
	}
	return text + ", admitted now"
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
	const day = 24 * time.Hour
	switch {
	case unit == time.Hour:
		return "the hour"
	case unit == day:
		return "the day"
	case unit == 7*day:
		return "the week"
	}
	return count.Of(unit/(7*day), "week")
}
