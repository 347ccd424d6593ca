package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"mxgate/gateway"
	"mxgate/gateway/config"
	"mxgate/gateway/memory"
	"mxgate/policy"
	"mxgate/policy/lookalike"
	"mxgate/policy/mail"
)

// remembering is what the memory commands share.
type remembering struct {
	*beside

	as       string
	sent     bool
	vouch    bool
	dry      bool
	take     takes
	note     string
	json     bool
	all, yes bool
	file     string
}

func memoryGroup() group[remembering] {
	return group[remembering]{"memory", "what the site remembers: with whom it corresponds, in which conversations", "COMMAND -config FILE [flags] [arguments]", []verb[remembering]{
		{command{"import", "-config FILE [flags] FILE...", "teach it a list of vendors (CSV), an address book (vCard, CSV), an archive (mbox, Maildir, .eml)", nil}, (*remembering).importFlags, (*remembering).importAll},
		{command{"stats", "-config FILE [-json]", "how much it knows", nil}, (*remembering).jsonFlag, (*remembering).stats},
		{command{"show", "-config FILE DOMAIN...", "what is known of a domain, whom it resembles, what was decided on it", nil}, func(*remembering) {}, (*remembering).show},
		{command{"forget", "-config FILE DOMAIN|MAILBOX... | -all -yes", "forget a domain, with whom a mailbox of yours corresponds, or everything", nil}, (*remembering).forgetFlags, (*remembering).forget},
		{command{"export", "-config FILE [-o FILE]", "all domains and decisions, one JSON object on a line", nil}, (*remembering).exportFlags, (*remembering).export},
	}}
}

func runMemory(ctx context.Context, args []string, out, errOut io.Writer) int {
	return runBeside(ctx, memoryGroup(), args, out, errOut, func(b *beside) *remembering { return &remembering{beside: b} })
}

// beside is what commands work with that open the memory beside a gateway that may
// be running.
type beside struct {
	cfg         *config.Config
	memory      *memory.Store
	flags       *flag.FlagSet
	out, errOut io.Writer
	now         time.Time
}

// command is one to copy, with the file that it takes.
func (b *beside) command(verb, rest string) string {
	return strings.TrimSpace("mxgate " + verb + " -config " + shellWord(b.cfg.File) + " " + rest)
}

// runBeside runs the verb of g that args name. begin makes what the verbs share;
// the configuration and the memory are there when the verb is done.
func runBeside[T any](ctx context.Context, g group[T], args []string, out, errOut io.Writer, begin func(*beside) *T) int {
	return g.run(args, out, errOut, func(v verb[T], args []string) int {
		b := &beside{out: out, errOut: errOut, now: time.Now(), flags: flags(g.name+" "+v.name, errOut)}
		t := begin(b)
		v.declare(t)
		file := b.flags.String("config", "", "configuration `FILE`")
		rest, code, ok := parse(b.flags, args)
		if !ok {
			return code
		}
		return withMemory(*file, errOut, func(cfg *config.Config, m *memory.Store) int {
			b.cfg, b.memory = cfg, m
			return v.do(t, ctx, rest)
		})
	})
}

// withMemory opens the memory of a configuration beside a gateway that may be
// running, and has do work with it.
func withMemory(file string, errOut io.Writer, do func(*config.Config, *memory.Store) int) int {
	cfg, code := load(file, errOut)
	if cfg == nil {
		return code
	}
	if !cfg.Memory.Enabled {
		return fail(errOut, fmt.Errorf("%s: memory.enabled = false: the gateway remembers nothing and reads no decisions; set it to true, and start the gateway anew", cfg.File))
	}
	m, err := gateway.OpenMemory(cfg)
	if errors.Is(err, os.ErrPermission) {
		err = fmt.Errorf("%w: run this as the user that the gateway runs as", err)
	}
	if err != nil {
		return fail(errOut, err)
	}
	code = do(cfg, m)
	if err := m.Close(); err != nil {
		return fail(errOut, err)
	}
	return code
}

// remembered is one line of what a memory exports.
type remembered struct {
	Domain   *policy.KnownDomain `json:"domain"`
	Sent     int                 `json:"sent"`
	Imported bool                `json:"imported"`
	Note     string              `json:"note"`
	Decision *policy.Decision    `json:"decision"`
}

// known is all that a memory has of domains, and the decisions.
type known struct {
	domains   map[mail.Domain]remembered
	decisions []policy.Decision
}

// knownTo reads all that m has of domains.
func knownTo(ctx context.Context, m *memory.Store) (known, error) {
	k := known{domains: map[mail.Domain]remembered{}}
	var text bytes.Buffer
	if err := m.Export(ctx, &text); err != nil {
		return k, err
	}
	for lines := json.NewDecoder(&text); lines.More(); {
		var r remembered
		if err := lines.Decode(&r); err != nil {
			return k, err
		}
		if r.Domain != nil {
			k.domains[r.Domain.Domain] = r
		}
		if r.Decision != nil {
			k.decisions = append(k.decisions, *r.Decision)
		}
	}
	return k, nil
}

// inState lists the domains that are in one of states.
func (k known) inState(states ...policy.State) []mail.Domain {
	var all []mail.Domain
	for d, r := range k.domains {
		if slices.Contains(states, r.Domain.State) {
			all = append(all, d)
		}
	}
	slices.Sort(all)
	return all
}

// established lists the domains that others may be taken for.
func (k known) established() []mail.Domain { return k.inState(policy.Established, policy.TwoWay) }

// free reports whether the operator or a decision says that d may resemble target,
// or both belong to everybody.
func (k known) free(cfg *config.Config, d, target mail.Domain, now time.Time) bool {
	if slices.Contains(owner(cfg, d).Domains, string(target)) || slices.Contains(k.domains[d].proven(), target) || policy.FreeMail(d) && policy.FreeMail(target) {
		return true
	}
	return slices.ContainsFunc(k.decisions, func(x policy.Decision) bool {
		return x.Allow && x.Recipient == "" && x.Sender == d && x.Target == target && inForce(&x, now)
	})
}

// owner is the [[group]] that has d, with its domains as they travel; the zero
// Group if none has.
func owner(cfg *config.Config, d mail.Domain) config.Group {
	for i, all := range cfg.Owners {
		if slices.Contains(all, d) {
			g := config.Group{Name: cfg.Groups[i].Name}
			for _, x := range all {
				g.Domains = append(g.Domains, string(x))
			}
			return g
		}
	}
	return config.Group{}
}

func (r remembered) proven() []mail.Domain {
	if r.Domain == nil {
		return nil
	}
	return r.Domain.ProvenFor
}

func inForce(d *policy.Decision, now time.Time) bool {
	return d.Expires.IsZero() || d.Expires.After(now)
}

// saying says what is known of d, for the line beside its name.
func (k known) saying(cfg *config.Config, d mail.Domain) string {
	if holdsOurs(cfg, d) {
		return "yours"
	}
	r, ok := k.domains[d]
	protected := isTarget(cfg, d)
	switch {
	case !ok && protected, ok && r.Domain.State == policy.Unseen && protected:
		return "protected in the configuration"
	case !ok:
		return neverProven
	case r.Imported && r.Domain.First.IsZero():
		return stateWords[r.Domain.State] + ", from a list of yours"
	case r.Domain.State == policy.Seen && r.Domain.Messages == 0 && r.Sent > 0 && !r.Domain.First.IsZero():
		return "you write to it, since " + r.Domain.First.UTC().Format(time.DateOnly) + "; " + neverProven
	}
	return knownNote(r.Domain.State, r.Domain.First, true)
}

// isTarget reports whether d is protected in the configuration, or ours.
func isTarget(cfg *config.Config, d mail.Domain) bool {
	return slices.ContainsFunc(cfg.Targets, func(t lookalike.Target) bool { return lookalike.Registrable(t.Domain) == d })
}

// longer reports whether a is known well, and b later or not at all, though nobody
// protects it: whoever imitates comes after whom he imitates.
func (k known) longer(cfg *config.Config, a, b mail.Domain) bool {
	one, other := k.domains[a].Domain, k.domains[b].Domain
	well := func(d *policy.KnownDomain) bool {
		return d != nil && (d.State == policy.Established || d.State == policy.TwoWay)
	}
	return well(one) && !isTarget(cfg, b) && (!well(other) || one.First.Before(other.First))
}

// part says that a name as it was typed lies below the domain that counts in its
// place; "" if it is that.
func part(typed string, d mail.Domain) string {
	if full := typedAs(typed, d); full != d {
		return spelt(full) + " lies below " + spelt(d)
	}
	return ""
}

// typedAs is the name of which readDomain has read d.
func typedAs(typed string, d mail.Domain) mail.Domain {
	if full, err := mail.ParseDomain(typed); err == nil {
		return full
	}
	return d
}

// readDomain reads the domain of an argument, of which the registrable one counts.
func readDomain(text string) (mail.Domain, error) {
	d, err := mail.ParseDomain(text)
	if err != nil || !strings.Contains(string(d), ".") {
		return "", fmt.Errorf("%.100q: expected a domain such as partner.example", text)
	}
	r := lookalike.Registrable(d)
	if r == "" {
		return "", fmt.Errorf("%.100q: it is a public suffix, below which anybody may register: expected a domain such as partner.example", text)
	}
	return r, nil
}

// spelt is a domain as it is read and, where that is another, as it travels.
func spelt(d mail.Domain) string {
	if shown := policy.Plain(d.Unicode(), 260); shown != string(d) {
		return shown + " (" + string(d) + ")"
	}
	return string(d)
}
