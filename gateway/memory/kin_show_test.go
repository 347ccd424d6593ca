package memory

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"mxgate/policy"
	"mxgate/policy/mail"
)

func TestWhoIsAShadowToSomeIsToldWithTheOlderOne(t *testing.T) {
	w := newWorld(t)
	w.establish(0, "a@hartmann.example")
	for _, d := range []string{"hartmann-group.example", "hartmann.com", "unlike.example"} {
		w.warm("x@"+d, "erika@example.org")
	}
	shades := func(names ...mail.Domain) map[mail.Domain][]Shade {
		t.Helper()
		all, err := w.Shades(t.Context(), names, day(81))
		if err != nil {
			t.Fatal(err)
		}
		return all.Of
	}
	got := shades("hartmann.example", "hartmann-group.example", "hartmann.com", "unlike.example", "nobody.example", "example.org")
	if want := "map[example.org:[] hartmann-group.example:[{hartmann.example true}] hartmann.com:[{hartmann.example true}] hartmann.example:[] nobody.example:[] unlike.example:[]]"; fmt.Sprint(got) != want {
		t.Errorf("got  %v\nwant %s", got, want)
	}
	for _, d := range []mail.Domain{"hartmann-group.example", "hartmann.com"} {
		if k := w.ask(81, "x@"+string(d)).Author; k.State != policy.Shadow || !slices.Contains(got[d], Shade{k.ShadowOf, true}) {
			t.Errorf("Recall says otherwise: %+v", k)
		}
	}
	if err := w.Allow(t.Context(), policy.Decision{Sender: "hartmann-group.example", Target: "hartmann.example", Allow: true, At: day(80)}); err != nil {
		t.Fatal(err)
	}
	if got := shades("hartmann-group.example"); len(got["hartmann-group.example"]) != 0 {
		t.Errorf("allowed, and still told: %v", got)
	}
}

// In its conversations even one that is hardly known puts whom it resembles into its
// shadow, if it came a second before.
func TestWhoIsAShadowInTheConversationsOfAHardlyKnownOneIsTold(t *testing.T) {
	w := newWorld(t)
	hello := w.from(0, "a@northwind-castings.example")
	later := func(author string, seconds int) policy.Observation {
		o := w.from(0, author)
		o.At = o.At.Add(time.Duration(seconds) * time.Second)
		return o
	}
	w.learn(hello, later("b@northwlnd-castings.example", 30), later("c@castings-northwind.example", 40), later("d@unlike.example", 50))
	names := []mail.Domain{"northwind-castings.example", "northwlnd-castings.example", "castings-northwind.example", "unlike.example"}
	got, err := w.Shades(t.Context(), names, day(1))
	if err != nil {
		t.Fatal(err)
	}
	if want := "map[castings-northwind.example:[{northwind-castings.example false} {northwlnd-castings.example false}] northwind-castings.example:[] northwlnd-castings.example:[{northwind-castings.example false}] unlike.example:[]]"; fmt.Sprint(got.Of) != want {
		t.Errorf("got  %v\nwant %s", got.Of, want)
	}
	for _, d := range names[1:3] {
		if k := w.ask(1, "x@"+string(d), hello.ID).Author; k.State != policy.Shadow || k.ShadowOf != names[0] {
			t.Errorf("Recall says otherwise: %+v", k)
		}
	}
	if first := got.First; !first[names[0]].Equal(day(0)) || !first[names[1]].Equal(day(0).Add(30*time.Second)) {
		t.Errorf("first: %v", first)
	}
	if err := w.Allow(t.Context(), policy.Decision{Sender: names[1], Target: names[0], Allow: true, At: day(0)}); err != nil {
		t.Fatal(err)
	}
	if got, err := w.Shades(t.Context(), names[1:2], day(1)); err != nil || len(got.Of[names[1]]) != 0 {
		t.Errorf("allowed, and still told: %v, %v", got.Of, err)
	}
}

// Who is a Shadow to everybody has no conversations of his own.
func TestWhoIsAShadowHimselfThrowsNone(t *testing.T) {
	w := newWorld(t)
	w.establish(0, "a@northwind-castings.example")
	w.learn(w.from(20, "b@northwlnd-castings.example"), w.from(30, "b@northwlnd-castings.example"), w.from(40, "b@northwlnd-castings.example"), w.from(41, "c@n0rthwlnd-castings.example"))
	if s := w.state(41, "b@northwlnd-castings.example"); s != policy.Shadow {
		t.Fatal(s)
	}
	if err := w.Allow(t.Context(), policy.Decision{Sender: "n0rthwlnd-castings.example", Target: "northwind-castings.example", Allow: true, At: day(0)}); err != nil {
		t.Fatal(err)
	}
	got, err := w.Shades(t.Context(), []mail.Domain{"n0rthwlnd-castings.example"}, day(42))
	if err != nil || len(got.Of["n0rthwlnd-castings.example"]) != 0 {
		t.Errorf("%v, %v", got.Of, err)
	}
}

// Whom an administrator lists without a day has none.
func TestTheFirstDayOfAListedOneIsTheAdministrators(t *testing.T) {
	w := newWorld(t)
	if _, err := w.Import(t.Context(), []Imported{{Domain: "dated.example", First: day(-9), Established: true}, {Domain: "dateless.example", Established: true}}); err != nil {
		t.Fatal(err)
	}
	got, err := w.Shades(t.Context(), nil, day(1))
	if _, dated := got.First["dateless.example"]; err != nil || dated || got.First["dated.example"].Format(time.DateOnly) != day(-9).Format(time.DateOnly) {
		t.Errorf("%v, %v", got.First, err)
	}
}

func TestAddedWordsAndShortNamesAreAkinAndOtherEndingsAreNot(t *testing.T) {
	for pair, want := range map[[2]mail.Domain]bool{
		{"hartmann-group.example", "hartmann.example"}: true, {"velde.example", "velda.example"}: true, {"hartmann.com", "hartmann.example"}: false, {"unlike.example", "hartmann.example"}: false,
	} {
		if Akin(pair[0], pair[1]) != want {
			t.Errorf("%v", pair)
		}
	}
}
