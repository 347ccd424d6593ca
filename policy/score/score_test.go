package score

import (
	"slices"
	"testing"
)

// The sums that LOOKALIKE 5 works out.
func TestTheWorkedExamples(t *testing.T) {
	for _, c := range []struct {
		name string
		f    Facts
		want int
	}{
		{"he1se.de answers in a conversation of heise.de", Facts{Confidence: 97, Relation: Thread, Standing: Unseen, Intrudes: true}, 135},
		{"heise.co instead", Facts{Confidence: 60, Ending: true, Relation: Thread, Standing: Unseen, Intrudes: true}, 85},
		{"heise.co and payment", Facts{Confidence: 60, Ending: true, Relation: Thread, Standing: Unseen, Intrudes: true, Payment: PaymentTold}, 100},
		{"a pasted conversation", Facts{Confidence: 92, Relation: Message, Standing: Unseen, Shown: true}, 97},
		{"a pasted conversation and payment", Facts{Confidence: 92, Relation: Message, Standing: Unseen, Shown: true, Payment: PaymentTold}, 112},
		{"python.net in a list of python.org", Facts{Confidence: 60, Ending: true, Relation: Thread, Standing: Unseen, Intrudes: true}, 85},
		{"a new neighbour of a correspondent", Facts{Confidence: 70, Relation: Correspondent, Standing: Unseen}, 60},
	} {
		if got := Weights(nil).Sum(c.f); got.Total != c.want {
			t.Errorf("%s: %d, want %d: %v", c.name, got.Total, c.want, got.Lines)
		}
	}
}

func TestEachRowCountsOnce(t *testing.T) {
	for _, c := range []struct {
		f    Facts
		want []Line
	}{
		{Facts{}, nil},
		{Facts{Confidence: 80, Relation: Site}, []Line{{Likeness, 45}}},
		{Facts{Confidence: 79, Relation: Site}, []Line{{Likeness, 35}}},
		{Facts{Confidence: 64, Relation: Site}, []Line{{Likeness, 20}}},
		{Facts{Confidence: 49, Relation: Site}, nil},
		{Facts{Confidence: 49, Relation: Correspondent}, nil},
		{Facts{Confidence: 35, Relation: Thread}, []Line{{Likeness, 16}}},
		{Facts{Confidence: 35, Relation: Message}, []Line{{Likeness, 12}}},
		{Facts{Confidence: 34, Relation: Thread}, nil},
		{Facts{Confidence: 64, Relation: Thread}, []Line{{Likeness, 70}}},
		{Facts{Confidence: 64, Relation: Thread, Ending: true}, []Line{{Likeness, 40}}},
		{Facts{Confidence: 64, Relation: Thread, Word: true}, []Line{{Likeness, 40}}},
		{Facts{Confidence: 64, Relation: Thread, Word: true, Name: true}, []Line{{Likeness, 70}, {SameName, 15}}},
		{Facts{Confidence: 64, Relation: Message}, []Line{{Likeness, 30}}},
		{Facts{Confidence: 79, Relation: Corroborated}, []Line{{Likeness, 70}}},
		{Facts{Confidence: 80, Relation: Thread, Letters: true}, []Line{{Likeness, 90}}},
		{Facts{Confidence: 49, Relation: Thread, Letters: true}, []Line{{Likeness, 40}}},
		{Facts{Confidence: 34, Relation: Thread, Letters: true}, []Line{{Likeness, 16}}},
		{Facts{Confidence: 34, Relation: Thread, Letters: true, Name: true}, []Line{{Likeness, 40}, {SameName, 15}}},
		{Facts{Confidence: 49, Relation: Thread, Letters: true, Name: true}, []Line{{Likeness, 70}, {SameName, 15}}},
		{Facts{Confidence: 65, Relation: Thread, Letters: true, Name: true}, []Line{{Likeness, 70}, {SameName, 15}}},
		{Facts{Confidence: 80, Relation: Thread, Letters: true, Name: true}, []Line{{Likeness, 90}, {SameName, 15}}},
		{Facts{Confidence: 34, Relation: Message, Letters: true}, nil},
		{Facts{Confidence: 20, Relation: Namesake, Letters: true, Name: true, Acquainted: true, Standing: Unseen}, []Line{{Likeness, 80}, {UnseenDomain, 15}, {SameName, 15}}},
		{Facts{Confidence: 20, Relation: Namesake, Letters: true, Name: true, Acquainted: true, Standing: New}, []Line{{Likeness, 80}, {NewDomain, 10}, {SameName, 15}}},
		{Facts{Confidence: 80, Relation: Namesake, Letters: true, Name: true, Acquainted: true, Standing: Unseen}, []Line{{Likeness, 103}, {UnseenDomain, 15}, {SameName, 15}}},
		{Facts{Confidence: 80, Relation: Namesake, Letters: true, Name: true, Acquainted: true}, []Line{{Likeness, 80}, {SameName, 15}}},
		{Facts{Confidence: 80, Relation: Namesake, Letters: true, Name: true, Acquainted: true, Standing: Established, Pretext: true}, []Line{{Likeness, 80}, {SameName, 15}, {EstablishedDomain, -25}}},
		{Facts{Confidence: 19, Relation: Namesake, Letters: true, Acquainted: true, Standing: Unseen}, []Line{{UnseenDomain, 15}}},
		{Facts{Confidence: 35, Relation: Namesake, Word: true, Name: true, Acquainted: true, Standing: Unseen}, []Line{{Likeness, 46}, {UnseenDomain, 15}, {SameName, 15}}},
		{Facts{Confidence: 90, Relation: Namesake, Word: true, Name: true, Acquainted: true, Standing: Unseen}, []Line{{Likeness, 46}, {UnseenDomain, 15}, {SameName, 15}}},
		{Facts{Confidence: 60, Relation: Namesake, Ending: true, Name: true, Acquainted: true, Standing: New, Pretext: true}, []Line{{Likeness, 46}, {NewDomain, 10}, {SameName, 15}, {Pretext, 30}}},
		{Facts{Confidence: 60, Relation: Namesake, Ending: true, Name: true, Acquainted: true, Pretext: true}, []Line{{Likeness, 46}, {SameName, 15}}},
		{Facts{Confidence: 34, Relation: Namesake, Word: true, Name: true, Acquainted: true, Standing: Unseen}, []Line{{UnseenDomain, 15}, {SameName, 15}}},
		{Facts{Confidence: 20, Relation: Corroborated, Letters: true, Name: true, Acquainted: true, Standing: Unseen}, []Line{{Likeness, 70}, {UnseenDomain, 15}, {SameName, 15}}},
		{Facts{Confidence: 35, Relation: Corroborated, Word: true, Name: true, Acquainted: true, Standing: Unseen, Pretext: true}, []Line{{Likeness, 40}, {UnseenDomain, 15}, {SameName, 15}, {Pretext, 30}}},
		{Facts{Confidence: 80, Relation: Correspondent, Letters: true, Standing: Unseen, Pretext: true}, []Line{{Likeness, 58}, {UnseenDomain, 15}, {Pretext, 30}}},
		{Facts{Confidence: 79, Relation: Correspondent, Letters: true, Standing: Unseen, Pretext: true}, []Line{{Likeness, 45}, {UnseenDomain, 15}}},
		{Facts{Confidence: 80, Relation: Correspondent, Word: true, Standing: Unseen, Pretext: true}, []Line{{Likeness, 58}, {UnseenDomain, 15}}},
		{Facts{Confidence: 80, Relation: Site, Letters: true, Standing: Unseen, Pretext: true}, []Line{{Likeness, 45}, {UnseenDomain, 15}}},
		{Facts{Confidence: 35, Relation: Correspondent, Letters: true, Faint: true}, []Line{{Likeness, 26}}},
		{Facts{Confidence: 73, Relation: Site, Word: true, Faint: true}, []Line{{Likeness, 35}}},
		{Facts{Confidence: 34, Relation: Correspondent, Letters: true, Faint: true}, nil},
		{Facts{Confidence: 19, Relation: Thread, Letters: true}, nil},
		{Facts{Confidence: 100}, nil},
		{Facts{Confidence: 80, Relation: Own}, []Line{{Likeness, 58}}},
		{Facts{Confidence: 80, Relation: Protected}, []Line{{Likeness, 58}}},
		{Facts{Confidence: 80, Relation: Corroborated}, []Line{{Likeness, 90}}},
		{Facts{Standing: Unseen}, []Line{{UnseenDomain, 15}}},
		{Facts{Standing: New}, []Line{{NewDomain, 10}}},
		{Facts{Standing: Established}, []Line{{EstablishedDomain, -25}}},
		{Facts{Standing: Older}, []Line{{OlderDomain, -60}}},
		{Facts{Confidence: 90, Relation: Correspondent, Letters: true, Contested: true, Pretext: true}, []Line{{Likeness, 58}, {Pretext, 30}}},
		{Facts{Intrudes: true}, []Line{{Intrusion, 30}}},
		{Facts{Shown: true}, []Line{{ShownTarget, 15}}},
		{Facts{Added: 1}, []Line{{AddedLookalike, 25}}},
		{Facts{Added: 9}, []Line{{AddedLookalike, 50}}},
		{Facts{Name: true}, []Line{{SameName, 15}}},
		{Facts{Reply: ReplyFreeMail}, []Line{{ReplyToFreeMail, 20}}},
		{Facts{Reply: ReplyLookalike}, []Line{{ReplyToLookalike, 30}}},
		{Facts{Reply: ReplyUnknown}, []Line{{ReplyToUnknown, 10}}},
		{Facts{Payment: PaymentTold}, []Line{{PaymentWords, 15}}},
		{Facts{Payment: PaymentChanged}, []Line{{ChangedAccount, 25}}},
		{Facts{Person: true}, []Line{{ProtectedPerson, 35}}},
		{Facts{Blocked: true}, []Line{{Block, 100}}},
	} {
		got := Weights(nil).Sum(c.f)
		if !slices.Equal(got.Lines, c.want) {
			t.Errorf("%+v: %v, want %v", c.f, got.Lines, c.want)
		}
		total := 0
		for _, l := range got.Lines {
			total += l.Points
		}
		if total != got.Total {
			t.Errorf("%+v: the total is %d, the lines make %d", c.f, got.Total, total)
		}
	}
}

func TestTheOperatorsWeightsCount(t *testing.T) {
	w := Weights{UnseenDomain: 40, TimesThread: 100}
	got := w.Sum(Facts{Confidence: 90, Relation: Thread, Standing: Unseen, Intrudes: true})
	if got.Total != 45+40+30 {
		t.Errorf("got %+v", got)
	}
	if w := (Weights{Block: 0}).Sum(Facts{Blocked: true}); w.Total != 0 || w.Lines != nil {
		t.Errorf("a row of no weight is told: %+v", w)
	}
	for _, r := range Rows() {
		if Defaults()[r] == 0 || Defaults()[r] != (Weights{}).Of(r) {
			t.Errorf("%s has no default", r)
		}
	}
	for _, r := range Relations() {
		if (Weights{}).Of(times[r]) == 0 {
			t.Errorf("%s has no factor", r)
		}
	}
	if (Weights{}).Of("nothing") != 0 {
		t.Error("an unknown row has a weight")
	}
}
