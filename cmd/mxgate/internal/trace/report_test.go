package trace

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// gather traces messages into a report.
func gather(t *testing.T, headers ...string) Report {
	t.Helper()
	tr := tracer(t, ourSide, Options{})
	archive := NewArchive(tr.config)
	for _, header := range headers {
		got, err := tr.Trace(t.Context(), Input{Content: []byte(header + rest)})
		if err != nil {
			t.Fatal(err)
		}
		archive.Add(&got)
	}
	return archive.Report()
}

// results are those of our own server.
func results(spf string) string {
	return "Authentication-Results: mx.example.com; spf=" + spf + " smtp.mailfrom=sender.example\r\n"
}

func TestAnExceptionIsProposedForAKnownSenderOnly(t *testing.T) {
	partner := func(n int, spf, name string) (headers []string) {
		for i := range n {
			hop := strings.Replace(ownFrom("mail.partner.example", name, "203.0.113.150", nov26), "4AbCdE0XyZz1", fmt.Sprintf("4AbCd%05d", i), 1)
			headers = append(headers, results(spf)+hop)
		}
		return headers
	}
	forged := results("pass") + strings.Replace(ownFrom("x", "mail.partner.example", "203.0.113.150", nov26), "4AbCdE0XyZz1", "4AbCdEE", 1) + mimecast("192.0.2.99", early)
	for name, c := range map[string]struct {
		headers []string
		except  bool
	}{
		"a partner":            {partner(exceptFrom, "pass", "mail.partner.example"), true},
		"too few":              {partner(exceptFrom-1, "pass", "mail.partner.example"), false},
		"SPF fails":            {partner(exceptFrom, "fail", "mail.partner.example"), false},
		"no verified name":     {partner(exceptFrom, "pass", "unknown"), false},
		"claims the provider":  {append(partner(exceptFrom, "pass", "mail.partner.example"), forged), false},
		"one without a result": {append(partner(exceptFrom, "pass", "mail.partner.example"), ownFrom("x", "mail.partner.example", "203.0.113.150", jan26)), false},
	} {
		r := gather(t, c.headers...)
		if got := slices.ContainsFunc(r.Proposals, func(p Proposal) bool { return p.Do == "except" && p.What == "203.0.113.150" }); got != c.except {
			t.Errorf("%s: %t: %+v", name, got, r.Proposals)
		}
		if !slices.ContainsFunc(r.Proposals, func(p Proposal) bool { return p.Do == "close" }) {
			t.Errorf("%s: nothing to close", name)
		}
	}
}

func TestProposalsSayWhatToAdd(t *testing.T) {
	r := gather(t, ownFrom("x", "eu-smtp-delivery-1.mimecast.com", "203.0.113.141", nov26)+mimecast("203.0.113.77", early),
		"Received: from x (x [203.0.113.140]) by mx.elsewhere.example with ESMTP id 7; "+nov26+"\r\n", "")
	want := []string{"add-range 203.0.113.141", "configure hosts"}
	var got []string
	for _, p := range r.Proposals {
		got = append(got, p.Do+" "+p.What)
	}
	if !strings.Contains(r.Proposals[1].Text, "if they are ours, *.elsewhere.example (1): 1 message undetermined") {
		t.Errorf("nobody is named: %+v", r.Proposals)
	}
	if !slices.Equal(got, want) || len(r.Undetermined) != 2 {
		t.Errorf("%q, want %q; %+v", got, want, r.Undetermined)
	}
}

// An address that a list of ranges may lack is looked at before all is closed.
func TestRangesThatMayBeIncompleteAreDoubtedFirst(t *testing.T) {
	for config, want := range map[string]bool{ourSide: false, strings.Replace(ourSide, "ranges = [\"192.0.2.0/26\"]", "", 1): true} {
		tr := tracer(t, config, Options{})
		archive := NewArchive(tr.config)
		got, err := tr.Trace(t.Context(), Input{Content: []byte(own("203.0.113.140", nov26) + mimecast("192.0.2.77", early) + rest)})
		if err != nil {
			t.Fatal(err)
		}
		archive.Add(&got)
		r := archive.Report()
		if has := r.Proposals[0].Do == "add-range" && r.Proposals[0].What == "203.0.113.140"; has != want || r.Proposals[len(r.Proposals)-1].What != "port 25" {
			t.Errorf("%t: %+v", has, r.Proposals)
		}
	}
}

func TestWhatFailedIsCountedOfOurOwnResultsOnly(t *testing.T) {
	r := gather(t, results("fail")+own("203.0.113.140", nov26), results("pass")+own("203.0.113.141", nov26), own("203.0.113.142", nov26)+results("fail"),
		strings.Replace(results("fail"), "mx.example.com", "filter.else.example", 1)+own("203.0.113.143", nov26))
	if r.DirectWithAuth != 2 || r.DirectFailing != 1 {
		t.Errorf("%d of %d", r.DirectFailing, r.DirectWithAuth)
	}
}

func TestMonthsWithoutMailAreDrawn(t *testing.T) {
	r := gather(t, own("203.0.113.140", nov26), own("203.0.113.9", nov25), own("203.0.113.140", "no date"))
	c := monthColumns(&r)
	if len(r.Months) != 3 || len(c.Columns) != 13 {
		t.Fatalf("%d months, %d columns", len(r.Months), len(c.Columns))
	}
	for i, column := range c.Columns {
		if empty := i > 0 && i < 12; (len(column.Parts) == 0) != empty || column.X+column.Width > c.Width {
			t.Errorf("column %d: %+v", i, column)
		}
		for _, p := range column.Parts {
			if p.Y < 0 || p.Y+p.Height > c.Bottom+2 {
				t.Errorf("column %d: %+v", i, p)
			}
		}
	}
}

func TestSpansShowWhenAProviderWasLeft(t *testing.T) {
	r := gather(t, own("203.0.113.9", nov26), own("203.0.113.140", nov25), own("203.0.113.140", nov26))
	s := spansOf(&r)
	if len(s.Spans) != 2 || s.Spans[0].Class != ViaOld || s.Spans[0].EndedX <= 0 || s.Spans[0].EndedX >= s.Spans[0].X || s.Spans[1].X+s.Spans[1].Width > rowWidth {
		t.Errorf("%+v", s.Spans)
	}
	const legend = "A vertical line is the last day"
	var with, without sheet
	with.spans(s)
	late := gather(t, own("203.0.113.9", nov26))
	without.spans(spansOf(&late))
	if !strings.Contains(with.String(), legend) || strings.Contains(without.String(), legend) || !strings.Contains(without.String(), "<svg") {
		t.Errorf("%s\n%s", with.String(), without.String())
	}
	if s.From != "2025-11-02" || s.To != "2026-11-02" {
		t.Errorf("%s to %s", s.From, s.To)
	}
}

func TestNiceSteps(t *testing.T) {
	for top, want := range map[int]int{1: 1, 5: 1, 6: 2, 11: 5, 26: 10, 296: 100, 1_000_000: 200_000} {
		if got := niceStep(top); got != want {
			t.Errorf("%d: %d, want %d", top, got, want)
		}
	}
}

func TestAPageOfNothingIsAPage(t *testing.T) {
	r := gather(t)
	var b strings.Builder
	if err := NewPage().Write(&b, &r, time.Time{}); err != nil || !strings.Contains(b.String(), "0 messages") {
		t.Errorf("%v\n%s", err, b.String())
	}
	if err := r.Write(&b); err != nil {
		t.Error(err)
	}
}
