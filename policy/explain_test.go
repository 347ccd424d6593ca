package policy

import (
	"slices"
	"strings"
	"testing"

	"mxgate/policy/mail"
)

func explained(t *testing.T, e *Evidence) string {
	t.Helper()
	var b strings.Builder
	if err := Explain(&b, e, Decide(&Rules{}, e)); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// The sentence goes to the recipient, and does not quote our resolver; the lines
// are for whoever looks after it, and say why there is no result.
func TestTheSentenceKeepsWhatTheResolverSaidToItself(t *testing.T) {
	const secret = "read udp 192.0.2.53:4711: i/o timeout"
	e := proven()
	e.SPF = SPF{Result: mail.TempError, Domain: "bulk.example", Why: secret}
	e.DKIM = []DKIM{{Result: mail.TempError, Domain: "bulk.example", Selector: "s", Why: secret}}
	e.DMARC = DMARC{Result: mail.TempError, Why: secret}
	got := explained(t, &e)
	sentences := Decide(&Rules{}, &e).Sentence
	e.DMARC = DMARC{Result: mail.None} // the sentence names the signature
	sentences += Decide(&Rules{}, &e).Sentence
	if strings.Contains(sentences, "4711") || strings.Contains(sentences, "i/o") {
		t.Errorf("the resolver is quoted:\n%s", sentences)
	}
	if !strings.Contains(sentences, "the DKIM signature by bulk.example cannot be checked now: DNS does not answer") ||
		!strings.Contains(sentences, "DNS did not answer, and the verdict on author.example depends on it.") {
		t.Errorf("the sentence does not say why:\n%s", sentences)
	}
	flat := strings.Join(strings.Fields(got), " ")
	for _, want := range []string{"SPF temperror (mailfrom bulk.example): " + secret, "DKIM temperror (domain bulk.example, selector s): " + secret,
		"DMARC temperror (policy unknown; aligned: SPF no, DKIM no): " + secret} {
		if !strings.Contains(flat, want) {
			t.Errorf("%q is missing in:\n%s", want, got)
		}
	}
	e.DMARC = DMARC{Result: mail.None, Why: "no DMARC record"}
	if got := explained(t, &e); !strings.Contains(got, "DMARC       none (policy not published; aligned: SPF no, DKIM no): no DMARC record\n") {
		t.Errorf("got\n%s", got)
	}
}

func TestExplainWrapsWithAHangingIndent(t *testing.T) {
	e := proven()
	e.Author.Display = strings.Repeat("Name ", 60)
	got := explained(t, &e)
	if !strings.HasPrefix(got, "verdict: RELAY: clean\n  why         ") {
		t.Errorf("the heading is not as expected:\n%s", got)
	}
	for line := range strings.Lines(got) {
		if len(line) > lineWidth+1 {
			t.Errorf("%d characters: %s", len(line), line)
		}
	}
	if !strings.Contains(got, "\n              Name Name") {
		t.Errorf("no hanging indent:\n%s", got)
	}
}

func TestExplainDoesNotRepeatWhyTheOriginIsNotKnown(t *testing.T) {
	e := proven()
	e.Origin = Origin{Why: "nobody said"}
	e.SPF = SPF{Result: mail.None, Why: "not evaluated: nobody said"}
	if got := explained(t, &e); strings.Count(got, "nobody said") != 1 {
		t.Errorf("got\n%s", got)
	}
}

func TestWrap(t *testing.T) {
	for _, c := range []struct {
		text string
		want []string
	}{
		{"", nil},
		{" \n ", nil},
		{"one", []string{"one"}},
		{"12345 6789", []string{"12345 6789"}},
		{"12345 67890", []string{"12345", "67890"}},
		{"äöüäö üäöü", []string{"äöüäö üäöü"}},
		{"a longer-than-a-line b c", []string{"a", "longer-than-a-line", "b c"}},
	} {
		if got := Wrap(c.text, 10); !slices.Equal(got, c.want) {
			t.Errorf("%q: got %q, want %q", c.text, got, c.want)
		}
	}
}

func TestLabelled(t *testing.T) {
	if got := Labelled("to", ""); got != "  to          -\n" {
		t.Errorf("got %q", got)
	}
	if got := Labelled("to", "a\x1bb"); got != "  to          a?b\n" {
		t.Errorf("got %q", got)
	}
}

// What rests on proof is told to be without SPF where SPF was not asked.
func TestTheVerdictSaysThatItIsWithoutSPF(t *testing.T) {
	for _, c := range []struct {
		spf  SPF
		want string
	}{
		{SPF{Result: mail.None, Why: "not asked, the reverse-path is not known: the file has no Return-Path"}, "verdict: QUARANTINE: dmarc-fail, without SPF\n"},
		{SPF{Result: mail.None, Why: "not evaluated, the origin is not known: nobody said"}, "verdict: QUARANTINE: dmarc-fail, without SPF\n"},
		{SPF{Result: mail.None, Domain: "author.example", Why: "no SPF record"}, "verdict: QUARANTINE: dmarc-fail\n"},
		{SPF{Result: mail.Fail, Domain: "author.example"}, "verdict: QUARANTINE: dmarc-fail\n"},
	} {
		e := unproven("quarantine")
		e.SPF = c.spf
		if got := explained(t, &e); !strings.HasPrefix(got, c.want) {
			t.Errorf("%+v: got\n%s", c.spf, got)
		}
		e = proven()
		e.SPF = c.spf
		if got := explained(t, &e); !strings.HasPrefix(got, "verdict: RELAY: clean\n") {
			t.Errorf("%+v: got\n%s", c.spf, got)
		}
	}
}
