package policy

import (
	"mime"
	"strings"
	"testing"
)

// A borrowed name is seen however it is disguised.
func TestBorrowedNamesInDisguise(t *testing.T) {
	for _, c := range []struct {
		name, shown string
		want        Reason
	}{
		{"a zero width space", "Erika\u200b Mus\u200btermann", Impersonated},
		{"a soft hyphen", "Eri\u00adka Mustermann", Impersonated},
		{"a variation selector", "Erika\ufe0f Mustermann", Impersonated},
		{"a hangul filler", "Erika\u3164 Mustermann", Impersonated},
		{"many of them", "Erika" + strings.Repeat("\u200b", 800) + " Mustermann", Impersonated},
		{"a Cyrillic a", "Erik\u0430 Mustermann", Impersonated},
		{"a full-width E", "\uff25rika Mustermann", Impersonated},
		{"all full-width, in the other order", "\uff2dustermann\uff0c \uff25rika", Impersonated},
		{"a capital I and a digit", "Er1ka Mustermann", Impersonated},
		{"single quotes", "'Erika Mustermann'", Impersonated},
		{"typographic quotes", "\u201eErika Mustermann\u201c", Impersonated},
		{"guillemets and a quoted comma", "\u00abMustermann, Erika\u00bb", Impersonated},
		{"a no-break space", "Erika\u00a0Mustermann", Impersonated},
		{"a mark on a letter", "Erika Musterma\u0304nn", Impersonated},
		{"a hyphen", "Erika-Mustermann", Impersonated},
		{"another first name", "Erik Mustermann", Clean},
		{"another family name", "Erika Musterfrau", Clean},
		{"one more word", "Erika Mustermann Stiftung", Impersonated},
		{"only what is not seen", "\u200b\u200b", Clean},
		{"only signs", "-- \u2605 --", Clean},
	} {
		t.Run(c.name, func(t *testing.T) {
			text := message(strings.ReplaceAll(mime.BEncoding.Encode("utf-8", c.shown), " ", "\r\n ") + " <a@partner.example>")
			e, err := collector(t).collected(t.Context(), transaction(t, "192.0.2.10", "a@partner.example", text), viaProvider, Given{})
			if err != nil {
				t.Fatal(err)
			}
			if v := Decide(&Rules{}, &e); v.Reason != c.want {
				t.Errorf("%q: got %s: %s", e.Author.Display, v.Reason, v.Sentence)
			}
		})
	}
}

// A name costs little, whatever its letters.
func TestNamesOfPeopleAreBounded(t *testing.T) {
	for _, letter := range []string{"a", "\u200b", "\u0301", "\u00e4", "\ufdfa", "\u2605", " "} {
		if got := FoldName(strings.Repeat(letter, 32<<10/len(letter))); got != "" {
			t.Errorf("%q: got %d octets", letter, len(got))
		}
	}
	if FoldName("Erika Mustermann") == "" {
		t.Error("a name is none")
	}
}
