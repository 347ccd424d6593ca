package lookalike

import (
	"strings"
	"testing"

	"mxgate/policy/mail"
)

// bracketed shows the marked runs in brackets.
func bracketed(runs []Run) string {
	var b strings.Builder
	for _, r := range runs {
		if r.Differs {
			b.WriteString("[" + r.Text + "]")
		} else {
			b.WriteString(r.Text)
		}
	}
	return b.String()
}

func TestDifferMarksWhatAReaderOverlooks(t *testing.T) {
	for _, c := range []struct{ name, target, marked, of string }{
		{"he1se.de", "heise.de", "he[1]se.de", "he[i]se.de"},
		{"arnazon.de", "amazon.de", "a[rn]azon.de", "a[m]azon.de"},
		{"hеise.de", "heise.de", "h[е]ise.de", "h[e]ise.de"},
		{"hei-se.de", "heise.de", "hei[-]se.de", "heise.de"},
		{"heise-rechnung.de", "heise.de", "heise[-rechnung].de", "heise.de"},
		{"heise-rechnung.com", "heise.de", "heise[-rechnung.com]", "heise.[de]"},
		{"myheise.de", "heise.de", "[my]heise.de", "heise.de"},
		{"heise.co", "heise.de", "heise.[co]", "heise.[de]"},
		{"he1se.co.uk", "heise.de", "he[1]se.[co.uk]", "he[i]se.[de]"},
		{"micosoft.com", "microsoft.com", "micosoft.com", "mic[r]osoft.com"},
		{"microsfot.com", "microsoft.com", "micros[fo]t.com", "micros[of]t.com"},
		{"heise.de.pay-x.example", "heise.de", "heise.de[.pay-x.example]", "heise.de"},
		{"www.plusmy-com-my.cc", "plusmy.com.my", "www.plusmy[-]com[-]my[.cc]", "plusmy[.]com[.]my"},
		{"heisede.example", "heise.de", "heisede[.example]", "heise[.]de"},
		{"mail.he1se.de", "heise.de", "mail.he[1]se.de", "he[i]se.de"},
		{"he.ise.de", "heise.de", "he[.]ise.de", "heise.de"},
		{"müller.de", "mueller.de", "m[ü]ller.de", "m[ue]ller.de"},
		{"foo-google.com-bar.example", "google.com", "[foo-]google.com[-bar.example]", "google.com"},
		{"heise.de", "heise.de", "heise.de", "heise.de"},
		{"com", "heise.de", "com", "heise.de"},
		{"northwind-castings.com.docs-share.com", "northwind-castings.com", "northwind-castings.com[.docs-share.com]", "northwind-castings.com"},
		{"mail.heise.co.uk.pay-x.co.uk", "heise.co.uk", "mail.heise.co.uk[.pay-x.co.uk]", "heise.co.uk"},
		{"he1se-de.pay-x.de", "heise.de", "he[1]se[-]de[.pay-x.de]", "he[i]se[.]de"},
		{"heise.docs-share.de", "heise.de", "heise[.docs-share].de", "heise.de"},
		{"heise.docs-share.com", "heise.de", "heise[.docs-share.com]", "heise.[de]"},
		{"heise.de-x.de", "heise.de", "heise[.de-x].de", "heise.de"},
		{"castings-northwind.com", "northwind-castings.com", "[castings-]northwind.com", "northwind[-castings].com"},
		{"nw-castings.com", "northwind-castings.com", "nw-castings.com", "n[orth]w[ind]-castings.com"},
		{"heise.de", "heise-rechnung-zahlung.de", "heise.de", "heise[-rechnung-zahlung].de"}, // the other way round
		{"xn--heise-yt3b.de", "heise.de", "[xn--]heise[-yt3b].de", "heise.de"},               // U+200D cannot be shown
	} {
		marked, of := Differ(domain(t, c.name), domain(t, c.target))
		if got := bracketed(marked); got != c.marked {
			t.Errorf("%s against %s: %s, want %s", c.name, c.target, got, c.marked)
		}
		if got := bracketed(of); got != c.of {
			t.Errorf("%s against %s: target %s, want %s", c.name, c.target, got, c.of)
		}
	}
}

// Marks in names of which little is the same hide what the names are.
func TestDifferMarksNothingInNamesThatAreNotAlike(t *testing.T) {
	for _, c := range [][2]mail.Domain{
		{"northwind-castings.com", "our-firm.com"}, {"our-firm.com", "northwind-castings.com"}, {"docs-share.com", "northwind-castings.com"},
		{"docs-share.com", "partner-works.example"}, {"x.de", "y.com"}, {"heise.de.pay-x.com", "sparkasse.com"},
	} {
		if marked, of := Differ(c[0], c[1]); bracketed(marked) != string(c[0]) || bracketed(of) != string(c[1]) {
			t.Errorf("%s, %s", bracketed(marked), bracketed(of))
		}
	}
	all := domain(t, "сосоаросхе.de") // every letter is Cyrillic, and looks like one of the other's
	if marked, of := Differ(all, "cocoapocxe.de"); bracketed(marked) != "[сосоаросхе].de" || bracketed(of) != "[cocoapocxe].de" {
		t.Errorf("%s, %s", bracketed(marked), bracketed(of))
	}
	if marked, of := Differ("vv.de", "w.de"); bracketed(marked) != "[vv].de" || bracketed(of) != "[w].de" {
		t.Errorf("%s, %s", bracketed(marked), bracketed(of))
	}
}

func FuzzPair(f *testing.F) {
	for _, d := range hostile() {
		f.Add(string(d), "heise.de")
		f.Add("heise.de", string(d))
	}
	f.Add("he1se.de", "heise.de")
	f.Add("xn--heise-yt3b.de", "xn--mller-kva.de")
	f.Add("volksbonk-quorza.de", "volksbank-quorsa.de")
	f.Add("quor-wizta-bau.de", "quorvistahaus.de")
	f.Add("qvvorrnistabamk.de", "qwormista-bank.de")
	f.Fuzz(func(t *testing.T, a, b string) {
		m, ok := Compare(mail.Domain(a), mail.Domain(b))
		if ok && (m.Confidence < minConfidence || m.Confidence > 100 || m.Class == "" || m.Alone || strings.ContainsAny(m.Why, "\r\n\x00")) {
			t.Fatalf("%+v", m)
		}
		if a == b && Twice(mail.Domain(a), mail.Domain(b)) {
			t.Fatalf("%q is not itself", a)
		}
		if Twice(mail.Domain(a), mail.Domain(b)) && Distant(mail.Domain(a), mail.Domain(b)) {
			t.Fatalf("%q is distant from %q", a, b)
		}
		marked, of := Differ(mail.Domain(a), mail.Domain(b))
		for _, runs := range [][]Run{marked, of} {
			for i, r := range runs {
				if i > 0 && (r.Text == "" || r.Differs == runs[i-1].Differs) {
					t.Fatalf("%v", runs)
				}
			}
		}
	})
}
