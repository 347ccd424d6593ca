package main

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"mxgate/cmd/mxgate/internal/providers"
	"mxgate/policy"
)

func (p *providing) refresh(ctx context.Context, names []string) int {
	sources, err := p.sources(names, false)
	if err != nil {
		return misused(p.flags, err.Error())
	}
	fetcher, err := p.fetcher()
	if err != nil {
		return fail(p.errOut, err)
	}
	state, err := providers.LoadState(p.cfg.DataDir)
	if err != nil {
		return fail(p.errOut, err)
	}
	proposals := providers.Refresh(ctx, fetcher, state, sources, p.now)
	if err := providers.SaveState(p.cfg.DataDir, state); err != nil {
		return fail(p.errOut, err)
	}
	code := exitFine
	for _, proposal := range proposals {
		code = max(code, p.printProposal(proposal))
	}
	return code
}

// printProposal shows what is new and how to accept it.
func (p *providing) printProposal(x providers.Proposal) int {
	if x.Err != nil {
		for line := range strings.Lines(x.Err.Error()) {
			fmt.Fprintf(p.errOut, "mxgate providers refresh: %s: %s\n", x.Source, policy.Plain(strings.TrimSpace(line), 400))
		}
		return exitCouldNot
	}
	against := "the configuration"
	if !x.Since.IsZero() {
		against = "what was accepted on " + x.Since.Local().Format(stamp)
	}
	var from []string
	for _, place := range x.List.From {
		from = append(from, place.String())
	}
	fmt.Fprintf(p.out, "%s: %s in %s; %d more and %d fewer than %s\n", x.Source, counted(int64(len(x.List.Ranges)), "range"), strings.Join(from, ", "), len(x.Added), len(x.Removed), against)
	for _, r := range x.Added {
		fmt.Fprintf(p.out, "  + %s\n", r)
	}
	for _, r := range x.Removed {
		fmt.Fprintf(p.out, "  - %s\n", r)
	}
	for _, text := range x.List.Unread {
		fmt.Fprintf(p.out, "  ? %s\n", policy.Plain(text, 200))
	}
	for _, doubt := range x.Doubts {
		fmt.Fprintf(p.out, "  ! %s\n", doubt)
	}
	if x.Digest == "" {
		return exitFine
	}
	force := ""
	if len(x.Doubts) > 0 {
		force = "-force "
	}
	fmt.Fprintf(p.out, "  nothing is changed; if it is right:  mxgate providers accept -config %s %s'%s:%s'\n", p.file, force, x.Source, x.Digest)
	return exitFindings
}

func (p *providing) accept(_ context.Context, lists []string) int {
	if len(lists) == 0 {
		return misused(p.flags, "expected SOURCE:DIGEST, as refresh shows it")
	}
	state, err := providers.LoadState(p.cfg.DataDir)
	if err != nil {
		return fail(p.errOut, err)
	}
	var names []string
	for _, text := range lists {
		colon := strings.LastIndexByte(text, ':')
		source, ok := p.cfg.SourceSet.Named(text[:max(colon, 0)])
		if !ok {
			return misused(p.flags, fmt.Sprintf("%q: expected SOURCE:DIGEST, as refresh shows it", text))
		}
		if err := state.Accept(source.Name, text[colon+1:], p.by, source.Ranges, time.Now(), p.force); err != nil {
			return fail(p.errOut, err) // and nothing is written: all or none
		}
		names = append(names, source.Name)
	}
	if err := providers.SaveState(p.cfg.DataDir, state); err != nil {
		return fail(p.errOut, err)
	}
	for _, name := range names {
		fmt.Fprintf(p.out, "%s: accepted by %s. For its [[source]]:\n\nranges = [%s]\n", name, p.by, quotedRanges(state.Sources[name].Accepted.Ranges))
	}
	return exitFine
}

// quotedRanges writes ranges as the configuration wants them.
func quotedRanges(list []netip.Prefix) string {
	var all []string
	for _, r := range list {
		all = append(all, fmt.Sprintf("%q", r))
	}
	return strings.Join(all, ", ")
}
