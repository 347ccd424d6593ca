package policy

import (
	"strings"
	"testing"
)

func bears(display, name string) bool {
	n, p := showName(display), NewPerson(name)
	return n.bears(&p)
}

func TestWhoBearsTheNameOfAPerson(t *testing.T) {
	for _, c := range []struct {
		name, display string
		want          bool
	}{
		{"Erika Mustermann", "Erika Mustermann", true},
		{"Erika Mustermann", "CEO Erika Mustermann", true},
		{"Erika Mustermann", "Dr. Erika Mustermann", true},
		{"Erika Mustermann", "Erika Mustermann | ACME", true},
		{"Erika Mustermann", "Erika Mustermann - Finance", true},
		{"Erika Mustermann", "MUSTERMANN Erika, CFO", true},
		{"Erika Mustermann", "Mustermann, Erika (ACME)", true},
		{"Erika Mustermann", "Erika Musterrnann", true},
		{"Erika Mustermann", "Prof. Dr. Erika Mustermann, M.A.", true},
		{"Erika Mustermann", "Erika M. Mustermann", true},
		{"Erika Mustermann", "Еrikа Mustermann, ACME", true}, // Cyrillic
		{"Erika Mustermann", "Er1ka Mu5termann ACME", true},
		{"Erika Mustermann", "ErikaMustermann", true},
		{"Erika Mustermann", "E r i k a Mustermann", true},
		{"Erika Mustermann", "Erika\u00a0Mustermann ACME", true},
		{"Erika Mustermann", "Eri\u200bka Muster\u00admann ACME", true},
		{"Erika Mustermann", strings.Repeat("x", 300) + " Erika Mustermann", true},
		{"Erika Mustermann", strings.Repeat("x", 200) + " Erika Mustermann", true},
		{"Erika Mustermann", "CEO Erika\u3164Mustermann", true}, // Hangul fillers
		{"Erika Mustermann", "CEO Erika\uffa0Mustermann", true},
		{"Erika Mustermann", "CEO Erika\u115fMustermann", true},
		{"Erika Mustermann", "CEO Eri\u200aka Mustermann", true}, // a hair space
		{"Erika Mustermann", "CEO Erika Muster-mann", true},
		{"Erika Mustermann", "Dr. E r i k a Mustermann", true},
		{"Erika Mustermann", "CEO ErikaMustermann", true},
		{"Erika Mustermann", "\u202ennamretsuM akirE", true}, // shown from right to left
		{"Erika Mustermann", "Erika Mustermann via A. Erika Mustermann", true},
		{"Erika Mustermann", "Erika Mustermann via", true},
		{"Ursula von der Leyen", "von der Leyen, Ursula (EU)", true},
		{"Erika Mustermann-Meier", "Mustermann-Meier, Erika (ACME)", true},
		{"Dr. Erika Mustermann", "Erika Mustermann", true},
		{"Prof. Dr. Erika Mustermann", "Mustermann, Erika (ACME)", true},
		{"Erika Mustermann", strings.Repeat("xx ", 150) + "Erika Mustermann", false}, // where nobody reads it
		{"Mustermann, Erika", "CEO Erika Mustermann", true},
		{"Erika Maria Mustermann", "Mustermann Erika Maria, ACME", true},
		{"Erika J. Mustermann", "Erika Mustermann", true},
		{"Jean-Luc O'Brien", "Dr Jean Luc OBrien", true},
		{"Jean-Luc O'Brien", "Dr Jean Luc O'Brien", true},
		{"Erika", "Erika", true},

		{"Erika", "Erika Schmidt", false},
		{"Erika Mustermann", "Erika Schmidt, Mustermann AG", false},
		{"Erika Mustermann", "Erika", false},
		{"Erika Mustermann", "Mustermann", false},
		{"Erika Mustermann", "", false},
		{"Erika Mustermann", "?!", false},
		{"Erika Mustermann", "Max Mustermann", false},
		{"Erika Mustermann", "Erika Mustermannsen", false},
		{"Erika Mustermann", "Frederika Mustermann", false},
		{"Erika Mustermann", "Erika Mustermann via Lists", false},
		{"Erika Mustermann", "Erika Mustermann (via LinkedIn)", false},
		{"Erika Mustermann", "Erika Mustermann über LinkedIn", false},
		{"Erika Mustermann", "DocuSign for Erika Mustermann", false},
		{"Erika Mustermann", "Assistant to Erika Mustermann", false},
		{"Anna Mann", "Johanna Mannheim", false},
		{"Anna Mann", "Anna Mann-Schmidt", false},
		{"Stefan Peter", "Peter Stefan Müller", false},
		{"Martin Thomas", "Thomas Martin Weber", false},
		{"Martin Thomas", "Thomas Martin", true},
		{"Martin Thomas", "Thomas, Martin; ACME", true},
		{"Erika Mustermann", "Mustermann Erika - ACME", true},
		{"Erika Mustermann", "Mustermann Erika | ACME", true},
	} {
		if got := bears(c.display, c.name); got != c.want {
			t.Errorf("%.60q bears %q: %v", c.display, c.name, got)
		}
	}
}

func FuzzBearer(f *testing.F) {
	f.Add("CEO Erika Mustermann", "Erika Mustermann")
	f.Add("Mustermann, Erika via x", ",")
	f.Fuzz(func(t *testing.T, display, name string) {
		bears(display, name)
		if p := NewPerson(name); p.whole != "" && !bears(name, name) {
			t.Errorf("%q does not bear its own name: %+v", name, p)
		}
	})
}

func BenchmarkBearer(b *testing.B) {
	people := make([]Person, 1000)
	for i := range people {
		people[i] = NewPerson(strings.Repeat(string(rune('a'+i%26)), 5) + " Mustermann" + strings.Repeat("n", i/26))
	}
	for b.Loop() {
		n := showName("Prof. Dr. Erika Mustermann, ACME")
		for i := range people {
			n.bears(&people[i])
		}
	}
}
