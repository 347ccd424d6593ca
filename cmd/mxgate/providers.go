package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"mxgate/cmd/mxgate/internal/providers"
	"mxgate/gateway"
	"mxgate/gateway/config"
	"mxgate/policy"
	"mxgate/policy/provider"
	"mxgate/policy/provider/ranges"
)

// providersTimeout is how long all questions of one command may take together.
const providersTimeout = 2 * time.Minute

// providing is what the providers commands share.
type providing struct {
	cfg         *config.Config // nil: none was named
	flags       *flag.FlagSet
	out, errOut io.Writer
	now         time.Time

	file      string
	published publishedFlag
	offline   bool
	json      bool
	by        string
	force     bool
	dns       string
	bare      bool // needs no configuration
}

func providersGroup() group[providing] {
	return group[providing]{"providers", "look after the providers in front of the gateway", "COMMAND [flags] [arguments]", []verb[providing]{
		{command{"status", "-config FILE [-published SOURCE=PLACE] [-offline] [-json]", "are the sources still right: messages, MX, ranges, what to look into", nil}, (*providing).statusFlags, (*providing).status},
		{command{"refresh", "-config FILE [-published SOURCE=PLACE] [-offline] [SOURCE...]", "fetch what providers publish and show what is new; changes nothing", nil}, (*providing).fetchFlags, (*providing).refresh},
		{command{"accept", "-config FILE [-by NAME] [-force] SOURCE:DIGEST...", "take a list that refresh has shown for the good one", nil}, (*providing).acceptFlags, (*providing).accept},
		{command{"detect", "[-config FILE] [-dns ADDR] DOMAIN...", "name the provider of a domain from its MX", nil}, (*providing).detectFlags, (*providing).detect},
	}}
}

func runProviders(ctx context.Context, args []string, out, errOut io.Writer) int {
	return providersGroup().run(args, out, errOut, func(v verb[providing], args []string) int {
		p := providing{out: out, errOut: errOut, now: time.Now(), flags: flags("providers "+v.name, errOut), published: publishedFlag{}}
		p.flags.StringVar(&p.file, "config", "", "configuration `FILE`")
		v.declare(&p)
		return p.run(ctx, args, v.do)
	})
}

func (p *providing) run(ctx context.Context, args []string, do func(*providing, context.Context, []string) int) int {
	rest, code, ok := parse(p.flags, args)
	if !ok {
		return code
	}
	if p.file != "" || !p.bare {
		if p.cfg, code = load(p.file, p.errOut); p.cfg == nil {
			return code
		}
		if err := p.published.check(p.cfg.SourceSet); err != nil {
			return misused(p.flags, err.Error())
		}
	}
	ctx, cancel := context.WithTimeout(ctx, providersTimeout)
	defer cancel()
	return do(p, ctx, rest)
}

func (p *providing) fetchFlags() {
	p.flags.Var(p.published, "published", "look for the ranges of a source there: `SOURCE=PLACE`, a file, https://URL, spf:DOMAIN or hosts:DOMAIN (default: where the catalogue says)")
	p.flags.BoolVar(&p.offline, "offline", false, "ask no resolver and fetch no URL")
}

func (p *providing) statusFlags() {
	p.fetchFlags()
	p.flags.BoolVar(&p.json, "json", false, "one JSON object on a line for each source")
}

func (p *providing) acceptFlags() {
	byFlag(p.flags, &p.by)
	p.flags.BoolVar(&p.force, "force", false, "accept a list that grows or shrinks a lot, or has a very wide range, all the same")
}

func (p *providing) detectFlags() {
	p.bare = true
	p.flags.StringVar(&p.dns, "dns", "", "resolver to ask, `ADDR` or ADDR:PORT (default: that of the configuration, or the system's)")
	p.flags.BoolVar(&p.json, "json", false, "one JSON object on a line for each domain")
}

// publishedFlag has places by the name of a source.
type publishedFlag map[string][]ranges.Place

func (f publishedFlag) String() string { return "" }

func (f publishedFlag) Set(text string) error {
	source, place, ok := strings.Cut(text, "=")
	at, err := placeOf(place)
	if !ok || source == "" || err != nil {
		return errors.New("expected SOURCE=PLACE, PLACE being a file, https://URL, spf:DOMAIN or hosts:DOMAIN")
	}
	f[source] = append(f[source], at)
	return nil
}

// placeOf is ranges.ParsePlace for who types a place: the path of a file may be
// relative. With a colon before its first slash it needs "./": it might be a slip
// in one of the other forms.
func placeOf(text string) (ranges.Place, error) {
	first, _, _ := strings.Cut(text, "/")
	if text == "" || strings.Contains(first, ":") {
		return ranges.ParsePlace(text)
	}
	path, err := filepath.Abs(text)
	if err != nil {
		return ranges.Place{}, err
	}
	return ranges.ParsePlace(path)
}

// check refuses places of a source that is none.
func (f publishedFlag) check(set *provider.Set) error {
	for name := range f {
		if _, ok := set.Named(name); !ok {
			return fmt.Errorf("-published %s: expected the name of a [[source]] in the configuration", name)
		}
	}
	return nil
}

// sources returns those of the configuration with the given names, or all, with
// the places that were given for them; of all, those that are over only if past.
func (p *providing) sources(names []string, past bool) ([]provider.Source, error) {
	var all []provider.Source
	for _, name := range names {
		if _, ok := p.cfg.SourceSet.Named(name); !ok {
			return nil, fmt.Errorf("%q: expected the name of a [[source]] in the configuration", name)
		}
	}
	for _, s := range p.cfg.SourceSet.All() {
		if len(names) > 0 && !slices.Contains(names, s.Name) || len(names) == 0 && !past && s.Expired(p.now) {
			continue
		}
		if places := p.published[s.Name]; places != nil {
			s.Published = places
		}
		all = append(all, s)
	}
	return all, nil
}

// fetcher asks the configured resolver, or -dns, or the system's.
func (p *providing) fetcher() (providers.Fetcher, error) {
	if p.offline {
		return providers.Fetcher{}, nil
	}
	cfg := p.cfg
	if cfg == nil {
		cfg = config.Default()
		cfg.File = "providers"
	}
	r, err := gateway.NewResolver(cfg, p.dns)
	if err != nil {
		return providers.Fetcher{}, err
	}
	return providers.Fetcher{Resolver: r, Client: providers.NewClient()}, nil
}

// failed is fail for a command that has a name: all that it says on standard error
// begins alike.
func failed(command string, errOut io.Writer, err error) int {
	fmt.Fprintf(errOut, "mxgate %s: %v\n", command, err)
	return exitCouldNot
}

// lines tells an error on standard error, one line for each that is joined in it.
func (p *providing) lines(about string, err error) {
	for line := range strings.Lines(err.Error()) {
		fmt.Fprintf(p.errOut, "mxgate providers %s: %s\n", about, policy.Plain(strings.TrimSpace(line), 400))
	}
}

// worse joins two exit codes. What was found is not hidden by what could not be
// learned: findings are something to act on.
func worse(a, b int) int {
	if a == exitFindings || b == exitFindings {
		return exitFindings
	}
	return max(a, b)
}
