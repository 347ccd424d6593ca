package lookalike

import (
	"strings"
	"testing"
	"time"

	"mxgate/policy/mail"
)

func TestANameBelowAnother(t *testing.T) {
	for name, want := range map[string]int{
		"quorvista.docs-share.com":                          confBelow,
		"mail.quorvista.docs-share.com":                     confBelow,
		"quorvista.eu.docs-share.com":                       confBelow,
		"quorvista-invoice.docs-share.com":                  confBelow,
		"qu0rvi5ta.docs-share.com":                          50,
		"quorvitsa.docs-share.com":                          confEditBelow,
		"quorvisa.docs-share.com":                           confEditBelow,
		"quorvitas.docs-share.com":                          0, // two
		"quorvista." + strings.Repeat("share", 12) + ".com": confBelow,
		"a.b.c.quorvista.docs-share.com":                    confBelow,
		"a.b.c.d.quorvista.docs-share.com":                  0, // further from what is read first
		"mail.docs-share.com":                               0,
		"quo.rvista.docs-share.com":                         0,
		"docs-share.com":                                    0,
		"mail.quorvista.com":                                0,
		"quorvista-mail.quorvista.com":                      0,
		"quorvista.com":                                     0,
		"quorvista":                                         0,
		"":                                                  0,
	} {
		m, ok := Below(mail.Domain(name), "quorvista.com")
		if ok != (want > 0) || m.Confidence < want || want == 0 && m != (Match{}) {
			t.Errorf("%s: %t %+v", name, ok, m)
		}
		if ok && (m.Domain != mail.Domain(name) || m.Target != "quorvista.com" || m.Class != "embedding+combo") {
			t.Errorf("%s: %+v", name, m)
		}
		if ok && Distant(mail.Domain(name), "quorvista.com") {
			t.Errorf("%s is distant", name)
		}
	}
	m, _ := Below("quorvista.docs-share.com", "mail.quorvista.com")
	if m.Why != "quorvista.docs-share.com looks like quorvista.com: its name below docs-share.com" {
		t.Errorf("%s", m.Why)
	}
}

func TestFewNamesAreNotDistant(t *testing.T) {
	for _, d := range []mail.Domain{"qourvitsa.com", "quorvista.net", "quorvista-group.com", "mail.quorwizta.com", "xn--a.com", "q00rv15ta.com"} {
		if Distant(d, "quorvista.com") {
			t.Errorf("%s is distant", d)
		}
	}
	for _, d := range []mail.Domain{"", "queerwizto.com", "docs-share.com", "mail.google.com", "quo.rvista.com"} {
		if !Distant(d, "quorvista.com") {
			t.Errorf("%s is not distant", d)
		}
	}
	for name, target := range map[mail.Domain]mail.Domain{ // disguises of more letters than may be lacking
		"rnarnrnutwerke.com": "mammutwerke.com", "vvestvvolvvaqcl.com": "westwolwagd.com", "lllnols.com": "illinois.com",
		"cluplcclul.com": "duplcdul.com", "mullerundsohn.com": "xn--mllerundshn-yfb0f.com", "nnannnnut.com": "mammut.com", "uuouluuox.com": "wolwox.com",
	} {
		if Distant(name, target) {
			t.Errorf("%s is distant from %s", name, target)
		}
	}
	if !Distant("ohser.de", "heise.de") || Distant("heisa.de", "heise.de") {
		t.Error("of a short name two letters are too many")
	}
}

func TestBelowTakesBoundedWork(t *testing.T) {
	long := mail.Domain(strings.Repeat("a.", 61) + "a." + strings.Repeat("b", 60) + ".example")
	for _, d := range append(hostile(), long) {
		for _, target := range []mail.Domain{"aaa.example", mail.Domain(strings.Repeat("ab", 31) + ".example")} {
			began := time.Now()
			Below(d, target)
			Distant(d, target)
			if took := time.Since(began); took > time.Second { // some 100 us; the machine may be busy
				t.Errorf("%.40s: %v", d, took)
			}
		}
	}
}

func FuzzBelow(f *testing.F) {
	for _, seed := range []string{"heise.docs-share.com", "a.heise-x.b.com", "xn--a.xn--b.de", "..", "-.-.de"} {
		f.Add(seed, "heise.de")
	}
	for _, d := range hostile() {
		f.Add(string(d), "aaa.example")
	}
	f.Fuzz(func(t *testing.T, d, target string) {
		m, ok := Below(mail.Domain(d), mail.Domain(target))
		if ok && (m.Target != Registrable(mail.Domain(target)) || m.Confidence <= 0 || m.Confidence > confBelow || Registrable(m.Domain) == m.Target || Distant(m.Domain, m.Target)) {
			t.Errorf("%q of %q: %+v", d, target, m)
		}
	})
}
