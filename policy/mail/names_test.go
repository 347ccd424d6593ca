package mail

import (
	"slices"
	"strings"
	"testing"
)

func TestAllNamesThatFromShows(t *testing.T) {
	for value, want := range map[string][]string{
		"Erika Mustermann <e@x.example>":                            nil,
		`"Mustermann, Erika" <e@x.example>`:                         nil,
		"e@x.example":                                               nil,
		"e@x.example (Erika Mustermann)":                            nil,
		"Erika Mustermann, ACME <e@x.example>":                      {"Erika Mustermann, ACME", "Erika Mustermann"},
		"Mustermann, Erika <e@x.example>":                           {"Mustermann, Erika", "Mustermann"},
		"Erika Mustermann; ACME <e@x.example>":                      {"Erika Mustermann, ACME", "Erika Mustermann"},
		"Erika Mustermann: <e@x.example>;":                          {"Erika Mustermann"},
		"Erika Mustermann: Service <e@x.example>;":                  {"Erika Mustermann, Service", "Erika Mustermann"},
		"Service <s@x.example>, Erika Mustermann <e@x.example>":     {"Service, Erika Mustermann", "Erika Mustermann"},
		"<s@x.example>, =?utf-8?q?Erika_Mustermann?= <e@x.example>": {"Erika Mustermann"},
		"<s@x.example>, Erika Mustermann":                           {"Erika Mustermann"},
		"s@x.example, e@x.example (Erika Mustermann)":               {"Erika Mustermann"},
		`"A: B" <s@x.example>`:                                      nil,
	} {
		a := ParseAuthor(message(t, "From: "+value+"\r\n\r\n"))
		if a.Ambiguous != "" || !slices.Equal(a.Names, want) {
			t.Errorf("%s: %q, %q, want %q", value, a.Names, a.Ambiguous, want)
		}
	}
	a := ParseAuthor(message(t, "From: "+strings.Repeat("A B <s@x.example>, ", maxNames)+"Erika Mustermann <e@x.example>\r\n\r\n"))
	if !strings.Contains(a.Ambiguous, "names") {
		t.Errorf("%+v", a)
	}
}
