package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
)

// What a program reads is the same; what a terminal gets holds nothing to obey.
func TestJSONShowsWhatIsInvisible(t *testing.T) {
	for text, want := range map[string]string{
		"plain, Grüße, 漢字 🙂 \xff":  `"plain, Grüße, 漢字 🙂 \ufffd"`,
		"a\u202egpj.exe":           `"a\u202egpj.exe"`,
		"\ufeff\u200b\u00ad\u009b": `"\ufeff\u200b\u00ad\u009b"`,
		"\U000e0041":               `"\udb40\udc41"`,
		"":                         `""`,
	} {
		var b bytes.Buffer
		if err := json.NewEncoder(visible{&b}).Encode(text); err != nil {
			t.Fatal(err)
		}
		var back string
		if err := json.Unmarshal(b.Bytes(), &back); err != nil || strings.TrimSpace(b.String()) != want || back != strings.ToValidUTF8(text, "\ufffd") {
			t.Errorf("%q: %v, %s, want %s", text, err, &b, want)
		}
	}
}

func TestNoCommandPrintsWhatATerminalObeys(t *testing.T) {
	l := newLab(t, "127.0.0.1:1")
	l.journal()
	l.remember(exitFine, "import", l.file("v.csv", "domain,name\nheise.de,\"He\u202eise\"\n"))
	l.words(exitFine, "allow", "lookalike", "he1se.de", "for", "heise.de", "-reason", "x\u202ey")
	for _, args := range []string{"memory export", "memory show heise.de", "allow list -json", "allow list", "journal -json", "quarantine list -json"} {
		a := strings.Fields(args)
		code, out, errOut := mx(t, append(a, "-config", l.config)...)
		if code != exitFine || strings.ContainsAny(out, "\u202e\x1b") || out == "" && a[0] != "quarantine" {
			t.Errorf("%s: %d, %q, %s", args, code, out, errOut)
		}
	}
}

func FuzzVisible(f *testing.F) {
	f.Add("a\u202eb\U000e0041\xff")
	f.Fuzz(func(t *testing.T, text string) {
		var plain, b bytes.Buffer
		if err := json.NewEncoder(&plain).Encode(text); err != nil {
			t.Fatal(err)
		}
		if err := json.NewEncoder(visible{&b}).Encode(text); err != nil {
			t.Fatal(err)
		}
		var want, got string
		if err := json.Unmarshal(plain.Bytes(), &want); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(b.Bytes(), &got); err != nil || got != want {
			t.Errorf("%v: %q became %q", err, want, got)
		}
	})
}
