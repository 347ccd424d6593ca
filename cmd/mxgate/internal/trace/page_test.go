package trace

import (
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

// A verdict without a colour is black, and not seen on a dark page.
func TestEachVerdictHasAColourByDayAndByNight(t *testing.T) {
	for _, v := range Verdicts {
		if n := strings.Count(pageStyle, "--"+string(v)+": #"); n != 2 {
			t.Errorf("%s: %d colours", v, n)
		}
	}
}
