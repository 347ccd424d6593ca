package memory

import (
	"fmt"
	"slices"
	"testing"

	"mxgate/policy"
	"mxgate/policy/mail"
)

func TestWhoIsAShadowToSomeIsToldWithTheOlderOne(t *testing.T) {
	w := newWorld(t)
	w.establish(0, "a@hartmann.example")
	for _, d := range []string{"hartmann-group.example", "hartmann.com", "unlike.example"} {
		w.warm("x@"+d, "erika@example.org")
	}
	shades := func(names ...mail.Domain) map[mail.Domain][]mail.Domain {
		t.Helper()
		all, err := w.Shades(t.Context(), names, day(81))
		if err != nil {
			t.Fatal(err)
		}
		return all
	}
	got := shades("hartmann.example", "hartmann-group.example", "hartmann.com", "unlike.example", "nobody.example", "example.org")
	if want := "map[example.org:[] hartmann-group.example:[hartmann.example] hartmann.com:[hartmann.example] hartmann.example:[] nobody.example:[] unlike.example:[]]"; fmt.Sprint(got) != want {
		t.Errorf("got  %v\nwant %s", got, want)
	}
	for _, d := range []mail.Domain{"hartmann-group.example", "hartmann.com"} {
		if k := w.ask(81, "x@"+string(d)).Author; k.State != policy.Shadow || !slices.Contains(got[d], k.ShadowOf) {
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

func TestAddedWordsAndShortNamesAreAkinAndOtherEndingsAreNot(t *testing.T) {
	for pair, want := range map[[2]mail.Domain]bool{
		{"hartmann-group.example", "hartmann.example"}: true, {"velde.example", "velda.example"}: true, {"hartmann.com", "hartmann.example"}: false, {"unlike.example", "hartmann.example"}: false,
	} {
		if Akin(pair[0], pair[1]) != want {
			t.Errorf("%v", pair)
		}
	}
}
