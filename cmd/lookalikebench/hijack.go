package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"mxgate/cmd/lookalikebench/internal/cases"
	"mxgate/cmd/lookalikebench/internal/generate"
	"mxgate/cmd/lookalikebench/internal/hijack"
	"mxgate/cmd/lookalikebench/internal/report"
	"mxgate/policy"
	"mxgate/policy/mail"
)

// thefts are the classes of disguise, each of one or more ways of generating.
var thefts = map[string][]string{
	"homoglyph": {"homoglyph x1", "digraph (rn/m, cl/d, vv/w)", "homoglyph x2"},
	"idn":       {"idn, one letter", "idn, 2-3 letters"},
	"edit":      {"omission", "insertion", "replacement", "swap", "doubling", "vowel"},
	"structure": {"hyphen added", "dots to hyphens", "label split"},
	"combo":     {"combo, strong, hyphen", "combo, strong, glued", "combo, strong, before"},
	"tld":       {"tld swap"},
}

// counted are the five classes that the bar counts. A swapped ending is shown
// apart: alone it is never more than a tag, by design.
var counted = []string{"homoglyph", "idn", "edit", "structure", "combo"}

// minStolen is the shortest label of an author that is imitated.
const minStolen = 3

// disguise makes domains that imitate in one class.
func disguise(class string) hijack.Disguise {
	return func(domain string, r *rand.Rand) string {
		t, ok := generate.Cut(cases.Registrable(domain))
		if !ok || len(t.Label) < minStolen || t.Domain == ownDomain {
			return ""
		}
		ways := thefts[class]
		for _, i := range r.Perm(len(ways)) {
			// What is a mail service's own, as yahoo.ca for yahoo.com, no thief can have.
			if names := generate.Named(ways[i]).Names(t, 1, r.Uint64()); len(names) > 0 && !policy.FreeMail(mail.Domain(names[0])) {
				return names[0]
			}
		}
		return ""
	}
}

// hijacks replays the shared ham and then lets each of its threads be stolen.
func (b *bench) hijacks(ctx context.Context) ([]report.Section, error) {
	box, err := openMailbox(nil)
	if err != nil {
		return nil, err
	}
	defer box.close()
	files, err := b.ham()
	if err != nil {
		return nil, err
	}
	replayed, err := b.replay(ctx, box, files)
	if err != nil {
		return nil, err
	}
	made := b.stolen(files)
	b.say("hijack: %d made", len(made))
	result := thefted{byKey{}, map[string]byKey{}}
	for _, h := range made {
		e, v, err := box.judge(ctx, h.Raw, h.From.Address(), victim.Address(), h.At)
		if err != nil {
			return nil, err
		}
		result.count(h, v)
		if v.Disposition != policy.Quarantine {
			b.miss("hijack-"+strings.NewReplacer(" ", "-", ",", "").Replace(kindOf(h)), "%-10s id=%-5v quote=%-15q cc=%d pay=%-5v %-8s %-18s %s for %s: %s | %s", h.Class, h.StolenID, h.Style, h.LookalikeCc, h.Payment,
				v.Disposition, v.Reason, h.From.Domain, h.Target, similarity(&e), v.Sentence)
		}
	}
	theft := result.section(b)
	simple, err := b.simple(files, made)
	if err != nil {
		return nil, err
	}
	theft.Tables = append(theft.Tables, simple)
	siblings, err := b.siblings(ctx)
	return []report.Section{replayed, theft, siblings}, err
}

// kindOf tells apart what the bar counts from what is forged. A cold theft has
// neither id nor quote; what is pasted may be forged to show the hijacker alone.
func kindOf(h hijack.Hijack) string {
	switch {
	case h.Forged && h.StolenID:
		return "forged quote, id"
	case h.Forged:
		return "forged quote"
	case h.Class == "tld":
		return "tld"
	case !h.StolenID && !h.Quote:
		return "cold"
	}
	return "carried"
}

// similarity tells for the list of misses what was seen.
func similarity(e *policy.Evidence) string {
	var b strings.Builder
	for _, s := range e.Thread.Similar {
		fmt.Fprintf(&b, "[%s as %s %s %d target %s] ", s.Target, s.Relation, s.Class, s.Confidence, s.TargetState)
	}
	if b.Len() == 0 {
		b.WriteString("nothing similar")
	}
	if e.Thread.Known != nil {
		fmt.Fprintf(&b, " thread of %d", e.Thread.Known.Messages)
	}
	return b.String()
}

// replay takes the shared ham in the order in which it came.
func (b *bench) replay(ctx context.Context, box *mailbox, files []hamFile) (report.Section, error) {
	counts := map[string]int{}
	var held int
	tags := report.Table{Title: "Tagged or held", Columns: []string{"file", "disposition", "reason"}}
	for i, f := range files {
		if i%100 == 0 {
			b.say("hijack: %d of %d ham replayed", i, len(files))
		}
		_, v, err := box.take(ctx, f.raw, f.author, victim.Address(), f.At)
		if err != nil {
			return report.Section{}, fmt.Errorf("%s: %w", f.File, err)
		}
		d := v.Disposition.String()
		if counts[d]++; d != "relay" {
			tags.Add(f.File, d, string(v.Reason))
			b.miss("ham", "%s %s %s %s: %s", f.At.Format(time.DateOnly), f.File, d, v.Reason, v.Sentence)
		}
		if d == "quarantine" || d == "reject" || d == "defer" {
			held++
		}
	}
	rate := report.Rate{K: held, N: len(files)}
	return report.Section{Title: "Real mail: the shared ham replayed", Notes: []string{
		fmt.Sprintf("%d messages of 2002 in the order of their arrival, 58 threads among them, each from a server that its author's domain authorises. The memory is", len(files)),
		"empty at first and learns from what is relayed. Only our own domain is protected.",
		fmt.Sprintf("Relayed %d, tagged %d, held %d: %s per 10,000 held (exact 95 %% interval).", counts["relay"], counts["tag"], held, rate.Interval()),
	}, Tables: []report.Table{tags}, Bars: []report.Bar{{What: "shared ham held", Want: "0", Got: fmt.Sprint(held), Met: held == 0}}}, nil
}

// stolen makes the hijacks of all threads, in all variants.
func (b *bench) stolen(files []hamFile) []hijack.Hijack {
	threads := map[string][]hijack.Mail{}
	for _, f := range files {
		if f.usable && f.Thread != "" {
			threads[f.Thread] = append(threads[f.Thread], f.Mail)
		}
	}
	at := files[len(files)-1].At.Add(24 * time.Hour)
	var made []hijack.Hijack
	variants := append(hijack.Variants(append(counted[:len(counted):len(counted)], "tld")), hijack.Forged(counted)...)
	for i, id := range sortedKeys(threads) {
		thread := threads[id]
		if len(thread) < 2 || b.quick && i%8 > 0 {
			continue
		}
		for k, v := range variants {
			r := generate.Seeded(seed, "hijack", id, fmt.Sprint(k))
			for _, j := range r.Perm(len(thread)) { // the first whose author can be imitated
				if h, ok := hijack.Steal(thread[j], thread, victim, v, at, disguise(v.Class), r); ok {
					made = append(made, h)
					break
				}
			}
		}
	}
	return made
}

// thefted counts what became of the hijacks.
type thefted struct {
	kinds  byKey            // of kindOf
	tables map[string]byKey // of those that are counted
}

// byKey counts by some property.
type byKey map[string]*[2]report.Share // held; held or tagged

func (k byKey) count(key string, v policy.Verdict) {
	if k[key] == nil {
		k[key] = &[2]report.Share{}
	}
	k[key][0].Count(v.Disposition == policy.Quarantine)
	k[key][1].Count(v.Disposition != policy.Relay)
}

func (k byKey) table(name string) report.Table {
	t := report.Table{Title: "Held, % by " + name, Columns: []string{name, "n", "held", "held or tagged"}}
	for _, key := range sortedKeys(k) {
		t.Add(key, k[key][0].N, k[key][0].Interval(), k[key][1])
	}
	return t
}

func (t *thefted) count(h hijack.Hijack, v policy.Verdict) {
	kind := kindOf(h)
	t.kinds.count(kind, v)
	if kind != "carried" {
		t.in(kind+": payment, look-alikes in Cc").count(fmt.Sprintf("payment %s, Cc %d", yes(h.Payment), h.LookalikeCc), v)
		return
	}
	t.in("class").count(h.Class, v)
	t.in("id, quote, payment").count(fmt.Sprintf("id %s, quote %s, payment %s", yes(h.StolenID), yes(h.Quote), yes(h.Payment)), v)
	t.in("look-alikes in Cc").count(fmt.Sprint(h.LookalikeCc), v)
	if !h.StolenID {
		t.in("quoting, no id").count(h.Style, v)
	}
	target, _ := generate.Cut(cases.Registrable(h.Target))
	t.in("letters of the label").count(fmt.Sprintf("%2d", min(len(target.Label), 12)), v)
	t.in("reason").count(string(v.Reason), v)
}

func yes(is bool) string {
	if is {
		return "yes"
	}
	return "no"
}

// in returns the table of that name.
func (t *thefted) in(name string) byKey {
	if t.tables[name] == nil {
		t.tables[name] = byKey{}
	}
	return t.tables[name]
}

func (t *thefted) section(b *bench) report.Section {
	s := report.Section{Title: "Stolen conversations", Notes: []string{
		"Semi-real: the threads, people and quoted text are those of the shared ham, the thefts are made. Each is judged with the memory of the whole replay, from an",
		"aligned look-alike of an author in the thread: homoglyph, idn, edit, structure (hyphen, dots to hyphens, split) and combo, and swapped endings (tld).",
		"Carried ones have a stolen id or pasted text of the conversation, cold ones neither. Not counted, but shown: those that forge what they paste, so that it shows",
		"the hijacker in the author's place.",
	}, Tables: []report.Table{t.kinds.table("kind")}}
	for _, name := range sortedKeys(t.tables) {
		s.Tables = append(s.Tables, t.tables[name].table(name))
	}
	var held, all report.Share
	for kind, k := range t.kinds {
		all.N += k[0].N
		if kind == "carried" || kind == "cold" || kind == "tld" {
			held.N, held.K = held.N+k[0].N, held.K+k[0].K
		}
	}
	s.Bars = []report.Bar{{What: "hijacks held", Want: b.want(">= 97 %"), Got: held.Interval(), Met: b.reaches(held, 97)}}
	if !b.quick {
		s.Bars = append(s.Bars, report.Bar{What: "hijacks made", Want: ">= 2000", Got: fmt.Sprint(all.N), Met: all.N >= 2000})
	}
	return s
}
