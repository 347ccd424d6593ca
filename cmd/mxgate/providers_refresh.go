package main

import (
	"context"
	"fmt"
	"net/netip"
	"strings"

	"mxgate/cmd/mxgate/internal/count"
	"mxgate/cmd/mxgate/internal/providers"
	"mxgate/policy"
	"mxgate/policy/provider"
	"mxgate/policy/provider/ranges"
)

func (p *providing) refresh(ctx context.Context, names []string) int {
	sources, err := p.sources(names, false)
	if err != nil {
		return misused(p.flags, err.Error())
	}
	fetcher, err := p.fetcher()
	if err != nil {
		return failed("providers refresh", p.errOut, err)
	}
	if len(names) == 0 {
		sources = p.withPlaces(sources)
	}
	proposals, err := providers.Refresh(ctx, fetcher, p.cfg.DataDir, sources, p.now)
	if err != nil {
		return failed("providers refresh", p.errOut, err)
	}
	code := exitFine
	for _, proposal := range proposals {
		code = worse(code, p.printProposal(proposal))
	}
	return code
}

// withPlaces leaves out sources of which it is not known where ranges are
// published, and says which: a partner has none, and nobody asked for it.
func (p *providing) withPlaces(sources []provider.Source) []provider.Source {
	var some []provider.Source
	var without []string
	for _, s := range sources {
		if len(s.Published) == 0 {
			without = append(without, s.Name)
			continue
		}
		some = append(some, s)
	}
	if without != nil {
		fmt.Fprintf(p.out, "left out, because it is not known where their ranges are published (-published SOURCE=PLACE): %s\n", strings.Join(without, ", "))
	}
	return some
}

// printProposal shows what is new and how to accept it.
func (p *providing) printProposal(x providers.Proposal) int {
	if x.Err != nil {
		p.lines("refresh: "+x.Source, x.Err)
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
	fmt.Fprintf(p.out, "%s: %s in %s; %d more and %d fewer than %s\n", x.Source, count.Of(len(x.List.Ranges), "range"), strings.Join(from, ", "), len(x.Added), len(x.Removed), against)
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
		return p.printRest(x)
	}
	force := ""
	if len(x.Doubts) > 0 {
		force = "-force "
	}
	fmt.Fprintf(p.out, "  nothing is changed; if it is right:  mxgate providers accept -config %s %s%s\n", shellWord(p.file), force, shellWord(x.Source+":"+x.Digest))
	return exitFindings
}

// printRest shows what is left to do where there is nothing to accept: a list that
// was accepted has no effect before it stands in the configuration.
func (p *providing) printRest(x providers.Proposal) int {
	if len(x.Lacks)+len(x.Has) == 0 {
		return exitFine
	}
	for _, r := range x.Lacks {
		fmt.Fprintf(p.out, "  ranges in the configuration lack %s\n", r)
	}
	for _, r := range x.Has {
		fmt.Fprintf(p.out, "  ranges in the configuration still have %s\n", r)
	}
	fmt.Fprintf(p.out, "  to have the gateway go by that list, write:\n\nranges = [%s]\n\n", quotedRanges(x.List.Ranges))
	return exitFindings
}

func (p *providing) accept(_ context.Context, lists []string) int {
	if len(lists) == 0 {
		return misused(p.flags, "expected SOURCE:DIGEST, as refresh shows it")
	}
	var sources []provider.Source
	var digests []string
	for _, text := range lists {
		colon := strings.LastIndexByte(text, ':')
		source, ok := p.cfg.SourceSet.Named(text[:max(colon, 0)])
		if !ok {
			return misused(p.flags, fmt.Sprintf("%q: expected SOURCE:DIGEST, as refresh shows it", text))
		}
		sources, digests = append(sources, source), append(digests, text[colon+1:])
	}
	var done strings.Builder
	err := providers.Update(p.cfg.DataDir, func(state *ranges.State) error {
		for i, s := range sources {
			if err := state.Accept(s.Name, digests[i], p.by, s.Ranges, p.now, p.force); err != nil {
				return err // and nothing is written: all or none
			}
			fmt.Fprintf(&done, "%s: accepted by %s. For its [[source]]:\n\nranges = [%s]\n", s.Name, p.by, quotedRanges(state.Sources[s.Name].Accepted.Ranges))
		}
		return nil
	})
	if err != nil {
		return failed("providers accept", p.errOut, err)
	}
	fmt.Fprint(p.out, done.String())
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

// shellWord writes text as one word that a shell reads as it is.
func shellWord(text string) string { return providers.ShellWord(text) }
