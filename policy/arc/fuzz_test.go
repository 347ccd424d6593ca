package arc

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"mxgate/policy/mail"
	"mxgate/policy/sig"
)

func TestTheInstanceOfResults(t *testing.T) {
	tests := map[string]struct {
		instance int
		rest     string
	}{
		"i=1; mx.example.net; spf=pass":       {1, "mx.example.net; spf=pass"},
		" i = 50 ;x":                          {50, "x"},
		"(a) i (b;(c)) = (\\)) 7 (i=9;) ; x ": {7, "x"},
		"i=07; x":                             {7, "x"},
		"i=1;":                                {1, ""},
		"i=1; i=2; x":                         {1, "i=2; x"},
		"i=51; x":                             {},
		"i=0; x":                              {},
		"i=00; x":                             {},
		"i=001; x":                            {},
		"i=-1; x":                             {},
		"i=; x":                               {},
		"i=1":                                 {},
		"i=1 2; x":                            {},
		"I=1; x":                              {},
		"i=1x; x":                             {},
		"ii=1; x":                             {},
		"(i=1; x":                             {},
		"mx.example.net; i=1; spf=pass":       {},
		"\x00i=1; x":                          {},
		"":                                    {},
	}
	for value, want := range tests {
		if instance, rest := parseResults(value); instance != want.instance || instance != 0 && rest != want.rest {
			t.Errorf("%q: %d, %q", value, instance, rest)
		}
	}
}

func TestInstances(t *testing.T) {
	for text, want := range map[string]int{"1": 1, "09": 9, "50": 50, "51": 0, "0": 0, "": 0, "001": 0, "-1": 0, "+1": 0, "1 ": 0, "a": 0, "1a": 0} {
		if got := parseInstance(text); got != want {
			t.Errorf("%q: %d", text, got)
		}
	}
}

func FuzzResults(f *testing.F) {
	f.Add("i=1; mx.example.net; spf=pass smtp.mailfrom=a@example.com")
	f.Add("(a(b\\)c)) i=(d)12(e); x")
	f.Fuzz(func(t *testing.T, value string) {
		instance, rest := parseResults(value)
		if instance < 0 || instance > maxSets || !strings.Contains(value, rest) || rest != strings.Trim(rest, " \t") {
			t.Fatalf("%q: %d, %q", value, instance, rest)
		}
		// What was read is not read otherwise without what stood around it.
		if again, same := parseResults("i=" + string(rune('0'+instance/10)) + string(rune('0'+instance%10)) + ";" + rest); instance > 0 && (again != instance || same != rest) {
			t.Fatalf("%q: %d, %q; again %d, %q", value, instance, rest, again, same)
		}
	})
}

func FuzzVerify(f *testing.F) {
	f.Add([]byte(chain(f, 1)))
	f.Add([]byte(chain(f, 3)))
	f.Add([]byte(sealer{domain: "slow.example"}.add(f, plain)))
	f.Add([]byte("ARC-Seal: i=1; cv=none\r\nARC-Message-Signature: i=1\r\nARC-Authentication-Results: i=1; x\r\n" + plain))
	z := newZone(f)
	f.Fuzz(func(t *testing.T, raw []byte) {
		m, err := mail.ParseMessage(bytes.NewReader(raw), int64(len(raw)))
		if err != nil {
			return
		}
		z.asked = nil
		got := Verify(t.Context(), z, m, now)
		switch got.Status {
		case mail.None, mail.Pass, mail.Fail, mail.TempError:
		default:
			t.Fatalf("%+v", got)
		}
		if len(got.Sets) > maxSets || len(got.Loose) > maxLoose*maxLoose || len(got.Sets) > 0 && len(got.Loose) > 0 || len(z.asked) > maxKeys || got.OldestPass > len(got.Sets) {
			t.Fatalf("%d sets, %d questions: %+v", len(got.Sets), len(z.asked), got)
		}
		shown := got.Why
		for i, s := range got.Sets {
			shown += string(s.Sealer) + s.Selector + s.CV
			if s.Instance != i+1 {
				t.Fatalf("%+v", got)
			}
		}
		for _, s := range got.Loose {
			shown += string(s.Sealer) + s.Selector + s.CV
		}
		if got.Why == "" || strings.ContainsFunc(shown, func(c rune) bool { return c < ' ' || c >= 0x7f }) {
			t.Fatalf("unprintable: %+v", got)
		}
	})
}

// FuzzNoFalsePass changes some octets of a message whose chain holds. It must
// fail, unless its sets, signed fields and body are canonically what they were.
func FuzzNoFalsePass(f *testing.F) {
	raw := []byte(sealer{domain: "rsa.example", algorithm: "rsa-sha256", sign: signRSA}.add(f, sealer{canon: "simple/simple"}.add(f, rewrite(f, chain(f, 1)))))
	z := newZone(f)
	if got := Verify(f.Context(), z, parse(f, string(raw)), now); got.Status != mail.Pass {
		f.Fatalf("%+v", got)
	}
	want := meaning(f, parse(f, string(raw)))
	f.Add(0, []byte("X"))
	f.Add(300, []byte("\r\n "))
	f.Add(500, []byte("From: evil@example.org\r\n"))
	f.Fuzz(func(t *testing.T, at int, insert []byte) {
		at = max(at, -(at+1)) % (2 * len(raw))
		var changed []byte
		if at < len(raw) {
			changed = slices.Concat(raw[:at], insert, raw[at:])
		} else { // overwrite
			at -= len(raw)
			changed = slices.Concat(raw[:at], insert, raw[min(len(raw), at+len(insert)):])
		}
		m, err := mail.ParseMessage(bytes.NewReader(changed), int64(len(changed)))
		if err != nil {
			return
		}
		got := Verify(t.Context(), z, m, now)
		if got.Status == mail.Pass && !slices.Equal(meaning(t, m), want) {
			t.Fatalf("%q at %d: %+v", insert, at, got)
		}
	})
}

// meaning returns what the chain in FuzzNoFalsePass covers, in canonical form, as
// far as it can be told without reading the chain.
func meaning(t testing.TB, m *mail.Message) []string {
	t.Helper()
	var lines []string
	for _, name := range fieldNames {
		var fields []string
		for _, f := range m.Named(name) {
			raw := sig.Line(f.Raw)
			if name == fieldNames[seal] && strings.Contains(string(raw), "i=3") {
				raw = sig.WithoutB(raw) // of which the octets count, and base64 has several spellings
			}
			fields = append(fields, string(sig.AppendRelaxed(nil, raw)))
		}
		slices.Sort(fields)
		lines = append(lines, fields...)
	}
	for _, raw := range sig.Covered(m, []string{"from", "to", "subject"}, -1) {
		lines = append(lines, string(sig.AppendRelaxed(nil, raw)))
	}
	sum, err := sig.NewBody(m).Hash(t.Context(), sig.Relaxed)
	if err != nil {
		t.Fatal(err)
	}
	return append(lines, string(sum))
}
