package report

import (
	"bytes"
	"encoding/json"
	"math"
	"strings"
	"testing"
)

func TestIntervalsAreThoseOfTheTextbook(t *testing.T) {
	near := func(a, b float64) bool { return math.Abs(a-b) < 0.01 }
	// Newcombe 1998: 81 of 263 has the Wilson interval 0.2553 to 0.3662.
	if low, high := (Share{81, 263}).Wilson(); !near(low, 25.53) || !near(high, 36.62) {
		t.Errorf("Wilson %v %v", low, high)
	}
	// Garwood 1936: 0 events 0 to 3.689, 4 events 1.090 to 10.242.
	if low, high := (Rate{0, 10000}).Poisson(); low != 0 || !near(high, 3.689) {
		t.Errorf("Poisson of none %v %v", low, high)
	}
	if low, high := (Rate{4, 10000}).Poisson(); !near(low, 1.090) || !near(high, 10.242) {
		t.Errorf("Poisson of four %v %v", low, high)
	}
}

func TestAShareIsNeverRoundedUpToAll(t *testing.T) {
	for want, s := range map[string]Share{"99.99": {99999, 100000}, "100.0": {3, 3}, "-": {}, "99.95": {9995, 10000}, "99.49": {9949, 10000}, "50.0": {1, 2}} {
		if got := s.String(); got != want {
			t.Errorf("%v is written %s, want %s", s, got, want)
		}
	}
}

func sample() Report {
	t := Table{Title: "Names", Columns: []string{"class", "n"}}
	t.Add("a|b", 7)
	return Report{Sections: []Section{{Title: "One", Notes: []string{"note"}, Tables: []Table{t},
		Bars: []Bar{{"x", ">= 1", "0", false}, {"y", ">= 1", "2", true}}}}}
}

func TestMissedBarsAreToldInEveryForm(t *testing.T) {
	r := sample()
	if missed := r.Missed(); len(missed) != 1 || missed[0].What != "x" {
		t.Errorf("%v", missed)
	}
	var text, markdown, data bytes.Buffer
	for _, err := range []error{r.Sections[0].Text(&text), r.Markdown(&markdown), r.JSON(&data)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	if !strings.Contains(text.String(), "MISSED") || !strings.Contains(text.String(), "  a|b    7\n") {
		t.Errorf("%s", text.String())
	}
	if !strings.Contains(markdown.String(), `| a\|b | 7 |`) || !strings.Contains(markdown.String(), "| x | >= 1 | 0 | MISSED |") {
		t.Errorf("%s", markdown.String())
	}
	var again Report
	if err := json.Unmarshal(data.Bytes(), &again); err != nil || len(again.Missed()) != 1 {
		t.Errorf("%v %v", again, err)
	}
}
