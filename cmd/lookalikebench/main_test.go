package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"mxgate/cmd/lookalikebench/internal/corpus"
	"mxgate/cmd/lookalikebench/internal/generate"
	"mxgate/cmd/lookalikebench/internal/hijack"
	"mxgate/cmd/lookalikebench/internal/report"
	"mxgate/policy"
	"mxgate/policy/corpustest"
)

func TestAnUnknownPartIsRefused(t *testing.T) {
	if _, err := run(t.Context(), options{}, []string{"nonsense"}, io.Discard, io.Discard); err == nil || !strings.Contains(err.Error(), "nonsense") {
		t.Errorf("%v", err)
	}
}

func TestWithoutTheDataItIsSaidWhatNeedsWhichAndWhatDoesNot(t *testing.T) {
	t.Setenv("MXGATE_CORPORA", "")
	for _, names := range [][]string{nil, {"poison", "speed"}} {
		_, err := run(t.Context(), options{corpora: t.TempDir()}, names, io.Discard, io.Discard)
		if !errors.Is(err, corpus.ErrAbsent) {
			t.Fatal(err)
		}
		for _, want := range []string{"-corpora DIR", "hijack   needs 400 public messages", "poison   needs none of it: go run ./cmd/lookalikebench poison", "docs/lookalike.md"} {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%q is missing in %v", want, err)
			}
		}
	}
	var out bytes.Buffer
	if missed, err := run(t.Context(), options{quick: true, corpora: t.TempDir()}, []string{"poison"}, &out, io.Discard); err != nil || missed > 0 || !strings.Contains(out.String(), "their thefts held") {
		t.Errorf("%d, %v\n%s", missed, err, &out)
	}
}

func TestAQuickRunSaysHowItJudges(t *testing.T) {
	if got := (&bench{quick: true}).want("<= 1"); got != "<= 1, not refuted" {
		t.Error(got)
	}
	if got := (&bench{}).want("<= 1"); got != "<= 1" {
		t.Error(got)
	}
}

// readReport reads a report that was written as JSON, of so many sections.
func readReport(t *testing.T, file string, sections int) (r report.Report) {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &r); err != nil || len(r.Sections) != sections {
		t.Fatalf("%d sections, %v", len(r.Sections), err)
	}
	return r
}

// What a quick run finds makes CI red, and a clock on a busy machine may not.
func TestAQuickRunHoldsNothingAgainstTheClock(t *testing.T) {
	o := options{quick: true, corpora: corpustest.Path(t, ""), json: filepath.Join(t.TempDir(), "r.json")}
	if _, err := run(t.Context(), o, []string{"speed"}, io.Discard, io.Discard); err != nil {
		t.Fatal(err)
	}
	r := readReport(t, o.json, 3)
	for _, s := range r.Sections {
		for _, b := range s.Bars {
			t.Errorf("%s: %s %s", s.Title, b.What, b.Want)
		}
	}
}

func TestEveryFormIsWritten(t *testing.T) {
	dir := t.TempDir()
	o := options{quick: true, corpora: corpustest.Path(t, ""), json: filepath.Join(dir, "r.json"), markdown: filepath.Join(dir, "r.md"), misses: filepath.Join(dir, "misses")}
	var out bytes.Buffer
	if _, err := run(t.Context(), o, []string{"names"}, &out, io.Discard); err != nil {
		t.Fatal(err)
	}
	readReport(t, o.json, 4)
	markdown, err := os.ReadFile(o.markdown)
	if err != nil || !strings.Contains(string(markdown), "| class | n |") || !strings.Contains(out.String(), "UDRP") {
		t.Errorf("%v\n%s", err, markdown)
	}
}

func TestTheSameSeedMakesTheSameThefts(t *testing.T) {
	b := &bench{quick: true, progress: io.Discard, misses: map[string][]string{}}
	m := hijack.Mail{File: "f", Thread: "t", At: time.Unix(1e9, 0), From: hijack.Person{Name: "Ann", Local: "ann", Domain: "mail.partner-tools.example"}, ID: "1@a.example", Subject: "x"}
	files := []hamFile{{Mail: m, usable: true}, {Mail: m, usable: true}}
	first, second := b.stolen(files), b.stolen(files)
	if len(first) < (6*32+5*4)*9/10 || len(first) != len(second) {
		t.Fatalf("%d and %d made", len(first), len(second))
	}
	for i := range first {
		if !bytes.Equal(first[i].Raw, second[i].Raw) {
			t.Fatalf("%s\n%s", first[i].Raw, second[i].Raw)
		}
	}
}

func TestAForgedQuoteIsNotHeldAgainstTheBar(t *testing.T) {
	result := thefted{byKey{}, map[string]byKey{}}
	result.count(hijack.Hijack{Variant: hijack.Variant{Class: "edit", Quote: true, Forged: true}, Target: "a.example"}, policy.Verdict{Disposition: policy.Relay})
	result.count(hijack.Hijack{Variant: hijack.Variant{Class: "tld", Quote: true}, Target: "a.example"}, policy.Verdict{Disposition: policy.Quarantine})
	result.count(hijack.Hijack{Variant: hijack.Variant{Class: "edit"}, Target: "a.example"}, policy.Verdict{Disposition: policy.Quarantine})
	result.count(hijack.Hijack{Variant: hijack.Variant{Class: "edit", StolenID: true}, Target: "a.example"}, policy.Verdict{Disposition: policy.Quarantine})
	if s := result.section(&bench{}); !s.Bars[0].Met || s.Bars[1].Met || s.Bars[1].Got != "4" {
		t.Errorf("%+v", s.Bars)
	}
	for _, missed := range []hijack.Variant{{Class: "tld", Quote: true}, {Class: "edit"}, {Class: "edit", StolenID: true}} {
		again := thefted{byKey{}, map[string]byKey{}}
		again.count(hijack.Hijack{Variant: missed, Target: "a.example"}, policy.Verdict{Disposition: policy.Tag})
		if s := again.section(&bench{}); s.Bars[0].Met {
			t.Errorf("%+v: %+v", missed, s.Bars)
		}
	}
}

func TestAMailboxRemembersWhatItTook(t *testing.T) {
	box, err := openMailbox(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer box.close()
	c := &correspondence{box: box, them: "partner.example", who: "Ann", at: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
	for range 3 {
		if answered, err := c.exchange(t.Context()); err != nil || !answered {
			t.Fatalf("%v %v", answered, err)
		}
		c.at = c.at.Add(24 * time.Hour)
	}
	e, _, err := box.judge(context.Background(), []byte("From: ann@partner.example\r\nIn-Reply-To: <"+c.last+">\r\n\r\nx\r\n"), "ann@partner.example", victim.Address(), c.at)
	if err != nil || e.Thread.Author.State == policy.Unseen || e.Thread.Known == nil {
		t.Errorf("%+v %v", e.Thread, err)
	}
}

func TestTrafficHasTheSharesThatItShould(t *testing.T) {
	domains := strings.Fields("a.example b.example c.example d.example")
	mails := &traffic{r: generate.Seeded(1), domains: domains, at: time.Unix(1e9, 0), step: time.Minute}
	fresh := 0
	for range 5000 {
		if o := mails.next(); len(o.Cited) == 0 {
			fresh++
		}
	}
	if fresh < 5000*55/100 || fresh > 5000*63/100 {
		t.Errorf("%d of 5000 are new conversations", fresh)
	}
}

func TestNamesMadeUpAreRegistrableAndDifferent(t *testing.T) {
	b := &bench{dir: corpus.Dir(corpustest.Path(t, "")), progress: io.Discard}
	names, err := b.knownNames(120_000, generate.Seeded(1))
	if err != nil || len(names) != 120_000 {
		t.Fatalf("%d %v", len(names), err)
	}
	seen := map[string]bool{}
	for _, n := range names {
		if seen[n] {
			t.Fatalf("%s comes twice", n)
		}
		seen[n] = true
	}
}

func TestASmallSampleNeedNotReachTheBarButMustNotRefuteIt(t *testing.T) {
	for _, c := range []struct {
		share        report.Share
		quick, whole bool
	}{{report.Share{K: 99, N: 100}, true, false}, {report.Share{K: 50, N: 100}, false, false}, {report.Share{K: 100, N: 100}, true, true}} {
		if (&bench{quick: true}).reaches(c.share, 99.5) != c.quick || (&bench{}).reaches(c.share, 99.5) != c.whole {
			t.Errorf("%+v", c)
		}
	}
}

func TestAWarmUpThatBuysAnythingIsCounted(t *testing.T) {
	all := func(d policy.Disposition) []policy.Disposition {
		return slices.Repeat([]policy.Disposition{d}, len(variants))
	}
	changed := func(i int, d policy.Disposition) []policy.Disposition {
		list := all(policy.Quarantine)
		list[i] = d
		return list
	}
	for name, tt := range map[string]struct {
		attacked
		want poisoned
	}{
		"nothing":                  {attacked{state: policy.Shadow, thefts: all(policy.Quarantine), strangers: all(policy.Quarantine)}, poisoned{share(1), share(1), share(1), share(0), share(1), share(1)}},
		"the plainest theft":       {attacked{state: policy.Shadow, thefts: changed(0, policy.Tag), strangers: all(policy.Quarantine)}, poisoned{share(1), share(1), share(0), share(1), share(1), share(1)}},
		"another form":             {attacked{state: policy.Unseen, thefts: changed(3, policy.Tag), strangers: all(policy.Quarantine)}, poisoned{share(1), share(1), share(1), share(1), share(1), share(1)}},
		"the tag":                  {attacked{state: policy.Shadow, thefts: changed(2, policy.Relay), strangers: changed(2, policy.Tag)}, poisoned{share(1), share(1), share(1), share(1), share(1), share(1)}},
		"the state":                {attacked{state: policy.TwoWay, thefts: all(policy.Quarantine), strangers: all(policy.Quarantine)}, poisoned{share(1), share(0), share(1), share(0), share(1), share(1)}},
		"a cold mail":              {attacked{state: policy.Shadow, thefts: all(policy.Quarantine), strangers: all(policy.Quarantine), cold: [2]policy.Disposition{policy.Tag, policy.Relay}}, poisoned{share(1), share(1), share(1), share(0), share(1), share(0)}},
		"what a stranger has, too": {attacked{state: policy.TwoWay, thefts: all(policy.Tag), strangers: all(policy.Tag)}, poisoned{stranger: share(0)}},
	} {
		var p poisoned
		p.count(&bench{misses: map[string][]string{}}, "a way", "vendor.example", tt.attacked)
		if p != tt.want {
			t.Errorf("%s: %+v, want %+v", name, p, tt.want)
		}
	}
}

func share(k int) report.Share { return report.Share{K: k, N: 1} }
