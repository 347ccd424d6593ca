package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"mxgate/gateway/config"
	"mxgate/gateway/store"
	"mxgate/policy"
	"mxgate/policy/mail"
)

// journalLine is one line of `mxgate journal -json`. Its names are a contract:
// added, never renamed.
type journalLine struct {
	ID           string          `json:"id"`
	ReceivedAt   time.Time       `json:"received_at"`
	Outcome      store.Outcome   `json:"outcome"`
	Disposition  string          `json:"disposition"` // "" if it never came to a verdict
	Reason       string          `json:"reason"`
	Sentence     string          `json:"sentence"`
	Author       string          `json:"author"`
	ReversePath  string          `json:"reverse_path"`
	ForwardPaths []string        `json:"forward_paths"` // who was taken; if nobody was, who was refused
	RefusedPaths []string        `json:"refused_paths"` // who was refused; [] in rows of versions that did not keep it
	MessageID    string          `json:"message_id"`
	SizeOctets   int64           `json:"size_octets"`
	Source       string          `json:"source"`
	ClientIP     string          `json:"client_ip"`
	Helo         string          `json:"helo"`
	OriginIP     string          `json:"origin_ip"`
	ReplyCode    int             `json:"reply_code"` // 0 if nobody was there to be answered
	EnhancedCode string          `json:"enhanced_code"`
	NextHop      string          `json:"next_hop"`
	DurationNS   time.Duration   `json:"duration_ns"`
	Path         string          `json:"path"`             // the way it came; "" if it never came to a verdict
	Lifted       string          `json:"lifted,omitempty"` // which reasons do not count, and who is believed
	Since        *journalSince   `json:"since_then,omitempty"`
	Evidence     json.RawMessage `json:"evidence,omitempty"`
}

// journalSince is what became of a message after it was quarantined.
type journalSince struct {
	State store.State `json:"state"` // releasing, released or deleted
	At    time.Time   `json:"at"`
	By    string      `json:"by"`
}

func runJournal(ctx context.Context, args []string, out, errOut io.Writer) int {
	f := flags("journal", errOut)
	file := f.String("config", "", "configuration `FILE`")
	since, until, limit := moment{ago: span(24 * time.Hour)}, moment{ends: true}, atMost(1000)
	var filter store.Filter
	var outcome string
	f.Var(&since, "since", "look back `WHEN`: so long (12h, 7d, 2w), or to a date (2026-11-22, 2026-11-22T10:00) in the time zone of this machine; -until, -id and -message-id alone look back as far as the journal goes")
	f.Var(&until, "until", "look at what came before `WHEN`, so long ago or a date, as for -since; a day counts to its end")
	f.Var(whose{&filter.From, true}, "from", fromHelp)
	f.Var(whose{&filter.To, false}, "to", "only messages to `WHO`, an address or a domain, among the recipients of the envelope, also those who were refused")
	f.Var(messageID{&filter.MessageID}, "message-id", "only messages with this Message-ID, `<ID>`, with or without the angle brackets")
	f.Var(transactionID{&filter.ID}, "id", "only the message with this transaction `ID`, as it stands at the end of our replies, with or without the parentheses")
	f.Var(oneOf{&filter.Reason, journalReasons()}, "reason", "only messages with this `REASON`, such as lookalike")
	f.Var(oneOf{&filter.Disposition, []string{"relay", "tag", "defer", "quarantine", "reject"}}, "disposition", "only messages with this `VERDICT`: relay, tag, defer, quarantine, reject")
	f.Var(oneOf{&outcome, []string{"relayed", "quarantined", "refused", "deferred", "aborted", "uncertain"}}, "outcome", "only messages that came to this `END`: relayed, quarantined, refused, deferred, aborted, uncertain")
	f.StringVar(&filter.Source, "source", "", "only messages that came by the `SOURCE` of this name")
	f.Var(way{oneOf{&filter.Path, pathVerdicts()}}, "path", "only messages that came this `WAY`, such as internal")
	f.BoolVar(&filter.Lifted, "lifted", false, "only messages of which a reason was lifted, because a sealer or a forwarder is believed")
	f.Var(&limit, "limit", "show at most the newest `N`")
	asJSON := f.Bool("json", false, "one JSON object on a line for each message")
	if code, ok := parseOnly(f, args); !ok {
		return code
	}
	if !given(f, "since") && (given(f, "until") || filter.ID != "" || filter.MessageID != "") { // there is one of an id, whenever it came
		since = moment{}
	}
	now := time.Now()
	filter.Since, filter.Until, filter.Outcome, filter.Limit = since.on(now), until.on(now), store.Outcome(outcome), int(limit)+1
	if until.given() && !filter.Since.Before(filter.Until) {
		return misused(f, fmt.Sprintf("-since %s is not before -until %s", &since, &until))
	}
	when := looked(since, until)
	return withStore(*file, errOut, func(st *store.Store) error {
		entries, err := st.Entries(ctx, filter)
		if err != nil {
			return err
		}
		if len(entries) == 0 && filter.Source != "" {
			if err := unnamed(*file, filter.Source); err != nil {
				return err
			}
		}
		if len(entries) == 0 && filter.ID != "" {
			return fmt.Errorf("-id %.100q: there is no such message %s: expected an ID as it stands at the end of our replies and in the log", filter.ID, when)
		}
		more := len(entries) > int(limit)
		entries = entries[:min(len(entries), int(limit))]
		slices.Reverse(entries) // newest last, where a terminal ends
		ends, err := endsOf(ctx, st, entries)
		if err != nil {
			return err
		}
		if *asJSON {
			err = printJournalJSON(out, entries, ends)
		} else {
			err = printJournal(out, entries, ends, namedIn(filter)+" "+when)
		}
		if len(entries) == 0 && !given(f, "since") && !filter.Since.IsZero() && (filter.From != store.Mailboxes{} || filter.To != store.Mailboxes{}) {
			fmt.Fprintln(errOut, "mxgate journal: -since WHEN looks further back, such as -since 2w")
		}
		if more {
			fmt.Fprintf(errOut, "mxgate journal: there is more; these are the newest %d: -limit N shows others\n", limit)
		}
		return err
	})
}

// endsOf tells of those that were quarantined what has become of them since. Those
// that are held still, or whose record is gone, are left out.
func endsOf(ctx context.Context, st *store.Store, entries []store.Entry) (map[string]store.Held, error) {
	ends := map[string]store.Held{}
	for _, e := range entries {
		if e.Outcome != store.Quarantined {
			continue
		}
		h, err := st.Get(ctx, e.ID)
		switch {
		case errors.Is(err, store.ErrNotFound), errors.Is(err, store.ErrCorrupt): // quarantine show tells of that
		case err != nil:
			return nil, err
		case h.State != store.StateHeld:
			ends[e.ID] = h
		}
	}
	return ends, nil
}

// given reports whether a flag was set.
func given(f *flag.FlagSet, name string) (set bool) {
	f.Visit(func(x *flag.Flag) { set = set || x.Name == name })
	return set
}

// journalReasons lists the reasons that verdicts have.
func journalReasons() []string {
	known := slices.Collect(maps.Keys(policy.DefaultDispositions()))
	reasons := []string{string(policy.Clean)}
	for _, r := range known {
		reasons = append(reasons, string(r))
	}
	slices.Sort(reasons)
	return reasons
}

// pathVerdicts lists the ways that messages in the journal came. What came by an
// old source or past the provider is refused before there is a message.
func pathVerdicts() []string {
	return []string{string(policy.ViaCurrent), string(policy.PermittedDirect), string(policy.Internal), string(policy.ProviderOrigin), string(policy.Undetermined)}
}

// way is oneOf for -path.
type way struct{ oneOf }

func (w way) Set(text string) error {
	if text == string(policy.Direct) || text == string(policy.ViaOld) {
		return fmt.Errorf("what came %s was refused before there was a message: `mxgate strangers` shows it, mxgate_path_total counts it", text)
	}
	return w.oneOf.Set(text)
}

// unnamed tells of a source of which there is nothing that the configuration does
// not have either: a slip must not look like peace.
func unnamed(file, source string) error {
	cfg, err := config.LoadForTool(file)
	if err != nil {
		return err
	}
	if _, ok := cfg.SourceSet.Named(source); ok {
		return nil
	}
	var names []string
	for _, s := range cfg.SourceSet.All() {
		names = append(names, strconv.Quote(s.Name))
	}
	return fmt.Errorf("-source %q: nothing came by a source of that name in this time, and the configuration has none: expected one of %s", source, strings.Join(names, ", "))
}

// printJournal shows entries, or that there are none of what was looked for.
func printJournal(out io.Writer, entries []store.Entry, ends map[string]store.Held, looked string) error {
	if len(entries) == 0 {
		_, err := fmt.Fprintf(out, "nothing%s\n", looked)
		return err
	}
	t := table{}
	t.add("", "TIME", "CODE", "OUTCOME", "DISPOSITION", "REASON", "PATH", "AUTHOR", "TO", "ORIGIN VIA CLIENT")
	for _, e := range entries {
		code := "-"
		if e.ReplyCode > 0 {
			code = strconv.Itoa(e.ReplyCode)
		}
		note := e.Sentence
		if !strings.Contains(note, e.ID) { // an error of ours ends with it
			note = strings.TrimSpace(note + " (" + e.ID + ")")
		}
		if h, ok := ends[e.ID]; ok {
			note += " Since then: " + standing(h) + "."
		}
		author := e.Author
		if author == "" { // there was no header to read one in
			author = "<" + e.ReversePath.String() + ">"
		}
		t.add(policy.Plain(note, 1000), e.At.Local().Format(stamp), code, string(e.Outcome), cmp.Or(e.Disposition, "-"), cmp.Or(e.Reason, "-"), cmp.Or(e.Path, "-"),
			shown(author, 36), recipientsShown(e.ForwardPaths), addrShown(e.OriginIP)+" via "+addrShown(e.Client))
	}
	return t.print(out)
}

// recipientsShown names the first and counts the others.
func recipientsShown(paths []mail.Address) string {
	if len(paths) == 0 {
		return "-"
	}
	text := shown(paths[0].String(), 36)
	if more := len(paths) - 1; more > 0 {
		text += fmt.Sprintf(" +%d", more)
	}
	return text
}

func addrShown(a netip.Addr) string {
	if !a.IsValid() {
		return "-"
	}
	return a.String()
}

func printJournalJSON(out io.Writer, entries []store.Entry, ends map[string]store.Held) error {
	encoder := json.NewEncoder(visible{out})
	for _, e := range entries {
		line := journalLine{
			ID: e.ID, ReceivedAt: e.At, Outcome: e.Outcome, Disposition: e.Disposition, Reason: e.Reason, Sentence: e.Sentence,
			Author: e.Author, ReversePath: e.ReversePath.String(), ForwardPaths: pathsOf(e.ForwardPaths),
			RefusedPaths: pathsOf(e.RefusedPaths), MessageID: e.MessageID, SizeOctets: e.Size, Source: e.Source, Helo: e.Helo, ReplyCode: e.ReplyCode, EnhancedCode: e.Enhanced, NextHop: e.NextHop,
			DurationNS: e.Duration, Path: e.Path, Lifted: e.Lifted, Evidence: e.Evidence,
		}
		if e.Client.IsValid() {
			line.ClientIP = e.Client.String()
		}
		if e.OriginIP.IsValid() {
			line.OriginIP = e.OriginIP.String()
		}
		if h, ok := ends[e.ID]; ok {
			line.Since = &journalSince{h.State, h.ChangedAt, h.ChangedBy}
		}
		if err := encoder.Encode(line); err != nil {
			return err
		}
	}
	return nil
}

func pathsOf(addresses []mail.Address) []string {
	all := make([]string, len(addresses))
	for i, a := range addresses {
		all[i] = a.String()
	}
	return all
}
