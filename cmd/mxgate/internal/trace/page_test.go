package trace

import (
	"errors"
	"strings"
	"testing"
)

// Names may be long, and two of them may differ in the middle only.
func TestNoNameOnThePageIsCut(t *testing.T) {
	long := strings.Repeat("finance.department.", 6) + "of.the.year@example.com"
	peer := DirectPeer{IP: "2001:db8:1234:5678:9abc:def0:1234:5678", Count: 3, RDNS: strings.Repeat("long-name.", 12) + "example", First: &noTime, Last: &noTime}
	r := Report{Messages: 3, Recipients: []Counted{{3, long}}, Authors: []Counted{{3, "<b>" + long}}, Direct: []DirectPeer{peer},
		Old: []OldSource{{Source: long, First: &noTime, Last: &noTime}}}
	var b strings.Builder
	if err := NewPage().Write(&b, &r, noTime); err != nil {
		t.Fatal(err)
	}
	for text, n := range map[string]int{long: 4, "&lt;b&gt;" + long: 1, peer.IP: 3, peer.RDNS: 1} {
		if got := strings.Count(b.String(), text); got != n {
			t.Errorf("%q stands %d times, want %d", text, got, n)
		}
	}
}

// Who gets the page only must be able to ask whom the text tells of.
func TestThePageTellsOfAMessageWhatTheTextTells(t *testing.T) {
	m := Traced{Verdict: ViaOld, Client: &Client{IP: "203.0.113.166", Method: "ingress-role", Confidence: "medium", Why: "hop #1 shows <b>it"},
		Auth: Auth{SPF: "fail", Source: "own"}, Defects: []string{"the header is too long", "<i>"}}
	page, b := NewPage(), strings.Builder{}
	page.Add(&m)
	if err := page.Write(&b, &Report{Messages: 1}, noTime); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`client</td><td>203.0.113.166 (ingress-role, confidence medium): hop #1 shows &lt;b&gt;it</td>`,
		`results</td><td>SPF fail, DKIM -, DMARC - (written by own)</td>`, `defects</td><td>the header is too long; &lt;i&gt;</td>`,
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("without %s", want)
		}
	}
}

// A peer that is to be excepted is among those who sent to them: they are not all
// attacked.
func TestRecipientsAreCalledWhatTheyAre(t *testing.T) {
	r := Report{Recipients: []Counted{{3, "bob@example.com"}}}
	var page, text strings.Builder
	if err := errors.Join(NewPage().Write(&page, &r, noTime), r.Write(&text)); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(page.String(), "<h2>Recipients of what came past the provider</h2>") || !strings.Contains(text.String(), "\nrecipients of what came past the provider\n        3  bob@example.com\n") {
		t.Errorf("%s\n%s", text.String(), page.String())
	}
}

// Beside columns that are not broken, one that may be broken anywhere has one letter
// in a line on a phone.
func TestColumnsOfTextHaveAWidthOnAPhone(t *testing.T) {
	if !strings.Contains(pageStyle, "section > table:not(.chart) :is(th, td):not(.d, .n) { min-width: ") {
		t.Error("no min-width")
	}
}

// A verdict without a colour is black, and not seen on a dark page.
func TestEachVerdictHasAColourByDayAndByNight(t *testing.T) {
	for _, v := range Verdicts {
		if n := strings.Count(pageStyle, "--"+string(v)+": #"); n != 2 {
			t.Errorf("%s: %d colours", v, n)
		}
	}
}
