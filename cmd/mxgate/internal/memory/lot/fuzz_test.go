package lot

import (
	"strings"
	"testing"

	"mxgate/policy/lookalike"
)

// check holds for every list that was read.
func check(t *testing.T, l *List, err error) {
	if err != nil {
		return
	}
	if len(l.Troubles) > maxTroubles || len(l.Entries) > MaxEntries {
		t.Errorf("%d troubles, %d entries", len(l.Troubles), len(l.Entries))
	}
	for i, e := range l.Entries {
		if lookalike.Registrable(e.Domain) != e.Domain || e.Line < 1 || l.at[e.Domain] != i || !e.Since.IsZero() && e.Since.Year() < 1970 || len([]rune(e.Note)) > maxNote {
			t.Errorf("%+v", e)
		}
	}
}

func FuzzReadCSV(f *testing.F) {
	for _, text := range []string{
		"domain;since\npartner.example;1.3.2019\n", "\ufeffName,E-mail 1 - Value\nA,\"a@b.example ::: c@d.example\"\n", "\xff\xfea\x00", "a.example\t\"\n", "domain,name\na.example,\"A\nb.example,B\nc.example,the \"C\"\n", "<@>,https://:\n", "#\n\n", "art\x804.44444.4",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		l, err := ReadCSV(strings.NewReader(text))
		check(t, l, err)
	})
}

func FuzzReadVCard(f *testing.F) {
	for _, text := range []string{
		"BEGIN:VCARD\nEMAIL;TYPE=x:a@b.example\n c\nORG:x;y\nEND:VCARD\n", "BEGIN:VCARD\nEMAIL;ENCODING=QUOTED-PRINTABLE:a=40b.=\nexample=\n", "BEGIN:VCARD\n x\n\tEMAIL:=4\nEND:\nEMAIL:",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		l, err := ReadVCard(strings.NewReader(text))
		check(t, l, err)
	})
}
