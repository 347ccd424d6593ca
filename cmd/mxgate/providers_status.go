package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"mxgate/cmd/mxgate/internal/providers"
	"mxgate/gateway/store"
	"mxgate/policy"
	"mxgate/policy/mail"
	"mxgate/policy/provider"
	"mxgate/policy/provider/ranges"
)

// statusLine is one line of `mxgate providers status -json`. Its names are a
// contract: added, never renamed.
type statusLine struct {
	Source       string              `json:"source"`
	Provider     string              `json:"provider"` // id in the catalogue
	State        string              `json:"state"`    // "admitted", "to come" or "over"
	ValidFrom    string              `json:"valid_from,omitempty"`
	ValidUntil   string              `json:"valid_until,omitempty"`
	LastMessage  time.Time           `json:"last_message,omitzero"`
	Messages     map[string]int64    `json:"messages"` // in the last "1d", "7d", "30d", "90d"
	MXOf         []mail.Domain       `json:"mx_of"`    // our domains whose MX leads to it
	MXUnknown    bool                `json:"mx_unknown"`
	Published    string              `json:"published"` // where; "" if that is not known
	PublishedErr string              `json:"published_error,omitempty"`
	Missing      []netip.Prefix      `json:"missing_ranges"`
	Extra        []netip.Prefix      `json:"extra_ranges"`
	Bound        []string            `json:"bound_by"`
	Findings     []providers.Finding `json:"findings"`
}

func (p *providing) status(ctx context.Context, rest []string) int {
	if len(rest) > 0 {
		return misused(p.flags, fmt.Sprintf("unexpected argument %q", rest[0]))
	}
	sources, err := p.sources(nil, true)
	if err != nil {
		return failed("providers status", p.errOut, err)
	}
	fetcher, err := p.fetcher()
	if err != nil {
		return failed("providers status", p.errOut, err)
	}
	unread := exitFine
	state, err := providers.LoadState(p.cfg.DataDir)
	if err != nil { // all else can be told without the accepted lists
		unread, state = failed("providers status", p.errOut, err), ranges.NewState()
	}
	check := providers.Checker{Fetcher: fetcher, Sources: sources, Domains: p.cfg.Own, State: state, Now: p.now}
	var all []providers.Status
	code := withStore(p.file, p.errOut, func(st *store.Store) error {
		var err error
		if all, err = check.Check(ctx, journalUses{st}); err != nil {
			return err
		}
		p.explain(all)
		return p.printStatus(all)
	})
	code = worse(code, unread)
	for _, s := range all {
		if len(s.Findings) > 0 {
			code = worse(code, exitFindings)
		}
		if !p.offline && (s.MXErr != nil || unknown(s)) {
			code = worse(code, exitCouldNot)
		}
	}
	return code
}

// explain tells what could not be learned, which no column has room for.
func (p *providing) explain(all []providers.Status) {
	for i, s := range all {
		if i == 0 && s.MXErr != nil && !p.offline { // it is the same for all
			p.lines("status", s.MXErr)
		}
		if unknown(s) {
			p.lines("status: "+s.Source.Name, s.PublishedErr)
		}
	}
}

// unknown reports whether s has places to compare it with, and none could be read.
func unknown(s providers.Status) bool {
	return s.PublishedErr != nil && !errors.Is(s.PublishedErr, providers.ErrNoPlace)
}

func (p *providing) printStatus(all []providers.Status) error {
	if p.json {
		encoder := json.NewEncoder(p.out)
		for _, s := range all {
			if err := encoder.Encode(newStatusLine(s)); err != nil {
				return err
			}
		}
		return nil
	}
	t, findings := table{}, table{}
	t.add("", "SOURCE", "STATE", "LAST MESSAGE", "1d", "7d", "30d", "90d", "MX OF", "RANGES", "BOUND BY")
	for _, s := range all {
		last := "-"
		if !s.Use.Last.IsZero() {
			last = s.Use.Last.Local().Format(stamp)
		}
		cells := []string{s.Source.Name, stateShown(s), last}
		for _, n := range s.Use.Messages {
			cells = append(cells, fmt.Sprint(n))
		}
		t.add("", append(cells, mxShown(s, len(p.cfg.Own)), rangesShown(s), cmp.Or(strings.Join(boundBy(s.Source), ", "), "-"))...)
		for _, f := range s.Findings {
			findings.add(policy.Plain(f.Text, 2000), s.Source.Name+": "+string(f.Code))
		}
	}
	if err := t.print(p.out); err != nil {
		return err
	}
	if slices.ContainsFunc(all, func(s providers.Status) bool { return s.MXErr != nil }) {
		fmt.Fprintln(p.out, "?: not all MX records could be asked for")
	}
	fmt.Fprintln(p.out)
	if len(findings.rows) == 0 {
		_, err := fmt.Fprintln(p.out, "nothing to look into")
		return err
	}
	return findings.print(p.out)
}

func stateShown(s providers.Status) string {
	switch {
	case s.State == providers.ToCome:
		return "from " + s.Source.ValidFrom.UTC().Format(time.DateOnly)
	case s.State == providers.Over:
		return "over since " + s.Source.OverSince().Format(time.DateOnly)
	case !s.Source.ValidUntil.IsZero():
		return "until " + s.Source.ValidUntil.UTC().Format(time.DateOnly)
	}
	return s.State
}

// mxShown says how many of our domains lead to s: "2 of 3"; with "?" where some
// could not be asked.
func mxShown(s providers.Status, own int) string {
	text := fmt.Sprintf("%d of %d", len(s.Domains), own)
	if s.MXErr != nil {
		text += "?"
	}
	return text
}

func rangesShown(s providers.Status) string {
	switch {
	case !s.Known():
		return fmt.Sprintf("%d, published: not known", len(s.Source.Ranges))
	case len(s.Missing)+len(s.Extra) == 0:
		return fmt.Sprintf("%d, as published", len(s.Source.Ranges))
	}
	return fmt.Sprintf("%d, %d missing, %d extra", len(s.Source.Ranges), len(s.Missing), len(s.Extra))
}

func boundBy(s provider.Source) []string {
	kinds := []string{}
	for _, b := range s.Bind {
		kinds = append(kinds, string(b.Kind))
	}
	return kinds
}

func newStatusLine(s providers.Status) statusLine {
	line := statusLine{
		Source: s.Source.Name, Provider: s.Source.Provider, State: s.State, LastMessage: s.Use.Last, Messages: map[string]int64{},
		MXOf: append([]mail.Domain{}, s.Domains...), MXUnknown: s.MXErr != nil, Missing: append([]netip.Prefix{}, s.Missing...),
		Extra: append([]netip.Prefix{}, s.Extra...), Bound: boundBy(s.Source), Findings: append([]providers.Finding{}, s.Findings...),
	}
	if !s.Source.ValidFrom.IsZero() {
		line.ValidFrom = s.Source.ValidFrom.UTC().Format(time.DateOnly)
	}
	if !s.Source.ValidUntil.IsZero() {
		line.ValidUntil = s.Source.ValidUntil.UTC().Format(time.DateOnly)
	}
	for i, n := range s.Use.Messages {
		line.Messages[fmt.Sprintf("%dd", providers.Days[i])] = n
	}
	if s.Known() {
		line.Published = s.In()
	}
	if s.PublishedErr != nil {
		line.PublishedErr = policy.Plain(s.PublishedErr.Error(), 1000)
	}
	return line
}
