package mail

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestHeaderDomains(t *testing.T) {
	long := strings.Repeat("x", maxRecipientOctets)
	for _, tc := range []struct {
		name  string
		lines []string
		most  int
		want  string
		more  bool
	}{
		{"no such field", []string{"Cc: a@b.example"}, 9, "", false},
		{"an empty field", []string{"To:"}, 9, "", false},
		{"some addresses", []string{"To: a@b.example, C <c@d.example>,\r\n e@b.example"}, 9, "b.example d.example", false},
		{"some fields", []string{"To: a@b.example", "to : c@d.example"}, 9, "b.example d.example", false},
		{"a group", []string{"To: G: a@b.example, c@d.example;"}, 9, "b.example d.example", false},
		{"no address list", []string{"To: <a@b.example> <c@d.example>; e@f.example)"}, 9, "b.example d.example f.example", false},
		{"a U-label", []string{"To: a@bücher.example"}, 9, "xn--bcher-kva.example", false},
		{"a name", []string{`To: "c@d.example" <a@b.example>`}, 9, "d.example b.example", false},
		{"an encoded word", []string{"To: =?windows-1252?q?a=40b=2Eexample?="}, 9, "b.example", false},
		{"white space in a domain", []string{"To: a@b .example, a@c. example, a@d . example, a@e\r\n .example, <a@f\u00a0.example>, a@\u00a0h.example, a@g.example h.example"}, 9, "g.example b.example c.example d.example e.example f.example h.example", false},
		{"a quoted pair in a comment", []string{`To: a@b(\)).example, a@(\()c.example`}, 9, "b.example c.example", false},
		{"white space that ends a domain", []string{"To: a@b.example Dr. C <c@d.example> . e"}, 9, "b.example d.example", false},
		{"a malformed name", []string{"T\x0co: a@b.example"}, 9, "b.example", false},
		{"as many as wanted", []string{"To: a@b.example, c@d.example, a@b.example"}, 2, "b.example d.example", false},
		{"more than wanted", []string{"To: a@b.example, c@d.example, e@f.example"}, 2, "b.example d.example", true},
		{"more than wanted in two fields", []string{"To: a@b.example", "To: c@d.example"}, 1, "b.example", true},
		{"none wanted", []string{"To: a@b.example"}, 0, "", true},
		{"none wanted of nothing", []string{"To: x"}, 0, "", false},
		{"a field that is too long", []string{"To: a@b.example " + long + ", c@d.example"}, 9, "b.example", true},
		{"a field that is cut inside a domain", []string{"To: a@b.example," + strings.Repeat("x", maxRecipientOctets-26) + " c@d.example.test"}, 9, "b.example", true},
		{"one word that is too long", []string{"To: a@" + long}, 9, "", true},
		{"fields that are too long together", []string{"To: a@b.example " + long[:maxRecipientOctets-20], "To: c@d.example"}, 9, "b.example", true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, more := HeaderDomains(message(t, tc.lines...), "To", tc.most)
			var names []string
			for _, d := range got {
				names = append(names, string(d))
			}
			if have := strings.Join(names, " "); have != tc.want || more != tc.more {
				t.Errorf("%q, more %v; want %q, %v", have, more, tc.want, tc.more)
			}
		})
	}
}

func TestAMegabyteOfRecipientsIsCheap(t *testing.T) {
	var b strings.Builder
	for i := 0; b.Len() < MaxHeaderOctets-(64<<10); {
		b.WriteString("To: ")
		for end := b.Len() + MaxFieldOctets - 100; b.Len() < end; i++ {
			fmt.Fprintf(&b, "a@%d.z,", i)
		}
		b.WriteString("\r\n")
	}
	m := parsed(t, b.String()+"\r\n")
	for _, most := range []int{50, 1 << 30} {
		start := time.Now()
		domains, more := HeaderDomains(m, "To", most)
		if spent := time.Since(start); spent > 2*time.Second || !more || len(domains) > most || len(domains) == 0 {
			t.Errorf("at most %d: %d domains, more %v, in %v", most, len(domains), more, spent)
		}
	}
}

// To read a name that is no ASCII costs allocations: each is read once, however
// many readings of a field show it, and only so many are.
func TestHostileAddressesAreFewNames(t *testing.T) {
	for name, unit := range hostileNames {
		m := parsed(t, hostileFields(unit)+"\r\n")
		if n := testing.AllocsPerRun(3, func() { ParseAuthor(m) }); n > 3*9*maxForeign {
			t.Errorf("%s: %v allocations for From, Sender and Resent-From", name, n)
		}
		for _, field := range []string{"Reply-To", "To", "Cc"} {
			if n := testing.AllocsPerRun(3, func() { HeaderDomains(m, field, 50) }); n > 9*maxForeign {
				t.Errorf("%s: %v allocations for %s", name, n, field)
			}
		}
	}
	var b strings.Builder
	for i := range maxForeign {
		b.WriteString("a@" + string(rune(0x4e00+i)) + ".1,")
	}
	if domains, more := HeaderDomains(message(t, "To: "+b.String()), "To", 9); len(domains) > 0 || more {
		t.Errorf("%v, more %t of %d names", domains, more, maxForeign)
	}
	if _, more := HeaderDomains(message(t, "To: "+b.String()+"a@\u00e9.1"), "To", 9); !more {
		t.Error("no more of one name more")
	}
	if a := ParseAuthor(message(t, "From: \""+b.String()+"a@\u00e9.1\" <a@b.example>")); a.Ambiguous == "" {
		t.Errorf("one name more, and the author is %v", a.Address)
	}
}

// All that is searched of one message: From, the five other fields with
// addresses, and what signed mail holds.
func TestTheAddressFieldsOfAMessageShareABudget(t *testing.T) {
	if sum := maxFromOctets + 5*maxRecipientOctets + maxProtectedOctets; sum > 64<<10 {
		t.Errorf("%d octets", sum)
	}
}

func FuzzHeaderDomains(f *testing.F) {
	for _, from := range pretences {
		f.Add(from, 2)
	}
	f.Fuzz(func(t *testing.T, value string, most int) {
		content := "To: " + value + "\r\n\r\n"
		m, err := ParseMessage(strings.NewReader(content), int64(len(content)))
		if err != nil {
			return
		}
		domains, more := HeaderDomains(m, "To", most)
		if len(domains) > max(most, 0) {
			t.Fatalf("%d domains, at most %d", len(domains), most)
		}
		all, _ := HeaderDomains(m, "To", 1<<30)
		if !slices.Equal(domains, all[:len(domains)]) || !more && len(all) != len(domains) {
			t.Fatalf("%q (more %v) of %q", domains, more, all)
		}
	})
}

func TestRepeatsAmongManyDomainsAreLeftOut(t *testing.T) {
	var want []Domain
	var list strings.Builder
	for i := range 3 * fewDomains {
		want = append(want, Domain(fmt.Sprintf("d%d.example", i)))
		fmt.Fprintf(&list, "a@d%d.example, b@d%d.example, ", i, i/2)
	}
	m := message(t, "To: "+list.String())
	for _, most := range []int{fewDomains - 1, fewDomains, fewDomains + 1, len(want)} {
		got, more := HeaderDomains(m, "To", most)
		if !slices.Equal(got, want[:most]) || more != (most < len(want)) {
			t.Errorf("%d: %q, more %t", most, got, more)
		}
	}
}
