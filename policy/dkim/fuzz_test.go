package dkim

import (
	"bytes"
	"strings"
	"testing"
	"time"

	library "github.com/emersion/go-msgauth/dkim"

	"mxgate/policy/mail"
)

func TestTagLists(t *testing.T) {
	tests := map[string]string{ // "" is malformed
		"a=1; b = 2 ;":            "[{a 1} {b 2}]",
		"a=1;;b=":                 "[{a 1} {b }]",
		"\r\n a=x\r\n\ty ; B_2==": "[{a x\r\n\ty} {B_2 =}]",
		"a=1; a=2":                "",
		"a":                       "",
		"=1":                      "",
		"1a=1":                    "",
		"a b=1":                   "",
		"\u00a0a=1":               "",
	}
	for text, want := range tests {
		tags, err := parseTags(text)
		var got strings.Builder
		for i, tag := range tags {
			got.WriteString(map[bool]string{true: " "}[i > 0] + "{" + tag.name + " " + tag.value + "}")
		}
		if err == nil && "["+got.String()+"]" != want || (err != nil) != (want == "") {
			t.Errorf("%q: %q, %v", text, got.String(), err)
		}
	}
	if _, err := parseTags(strings.Repeat("x=1;", maxTags+1)); err == nil {
		t.Error("any number of tags is read")
	}
}

func FuzzTagList(f *testing.F) {
	f.Add("v=1; a=rsa-sha256; d=example.com; s=sel; h=From : To; bh=QUJD; b=QUJD")
	f.Add("v=DKIM1; k=ed25519; t=s:y; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=")
	f.Fuzz(func(t *testing.T, text string) {
		tags, err := parseTags(text)
		if err != nil {
			return
		}
		var again strings.Builder
		for _, tag := range tags {
			again.WriteString(tag.name + "=" + tag.value + ";")
		}
		second, err := parseTags(again.String())
		if err != nil || len(second) != len(tags) {
			t.Fatalf("%q: %q: %v", text, again.String(), err)
		}
		sig := parseSignature(mail.Field{Name: fieldName, Raw: []byte(fieldName + ":" + text)}, time.Unix(1<<30, 0))
		if _, status, why := parseKey(text, sig); status != "" && why == "" {
			t.Fatalf("%q: %s without a reason", text, status)
		}
	})
}

func FuzzVerify(f *testing.F) {
	f.Add([]byte(sign(f, plain, nil)))
	f.Add([]byte(sign(f, plain, func(o *library.SignOptions) { o.Identifier = "@EXAMPLE.com" })))
	f.Add([]byte("DKIM-Signature: v=1; a=rsa-sha256; d=example.com; s=sel; h=From; bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=; b=QUJD\r\n" + plain))
	z := zone(f, keyRecord(edKey.Public()))
	f.Fuzz(func(t *testing.T, raw []byte) {
		m, err := mail.ParseMessage(bytes.NewReader(raw), int64(len(raw)))
		if err != nil {
			return
		}
		results := Verify(t.Context(), z, m, "example.com", time.Unix(1<<31, 0))
		if len(results) > maxEvaluated {
			t.Fatalf("%d results", len(results))
		}
		for _, r := range results {
			if strings.ContainsFunc(r.Why+r.Selector+r.Algorithm+r.B+string(r.Domain), func(c rune) bool { return c < ' ' || c >= 0x7f }) {
				t.Fatalf("unprintable: %+v", r)
			}
			switch r.Status {
			case mail.Pass, mail.Fail, mail.Policy, mail.PermError:
			default:
				t.Fatalf("%+v", r)
			}
		}
	})
}

// FuzzExactAndLibraryAgree signs whatever message with the library and verifies
// it, whole and changed, both ways.
func FuzzExactAndLibraryAgree(f *testing.F) {
	f.Add("a  text", "Hello \t you\r\n \r\n\r\n", byte(0), 3)
	f.Add("a\r\n\tfolded", "no line end", byte(1), 100)
	f.Add("", "", byte(2), 0)
	f.Add("x", " \r\n", byte(3), 50)
	f.Add("x", "spaces \t\r\n behind \r\n \t \r\n\r\nand before\r\n \r\n", byte(2), 50)
	f.Fuzz(func(t *testing.T, subject, body string, canons byte, at int) {
		if strings.ContainsRune(strings.ReplaceAll(subject+body, "\r\n", ""), '\r') {
			return // the gateway refuses a bare CR; the library takes it for a line end
		}
		kinds := []library.Canonicalization{library.CanonicalizationSimple, library.CanonicalizationRelaxed}
		raw := []byte(sign(t, "From: erika@example.com\r\nSubject: "+strings.ReplaceAll(subject, "\n", "\n ")+"\r\n\r\n"+body, func(o *library.SignOptions) {
			o.HeaderKeys = []string{"From", "Subject", "From"}
			o.HeaderCanonicalization, o.BodyCanonicalization = kinds[canons&1], kinds[canons>>1&1]
		}))
		agree(t, raw, mail.Pass)
		raw[max(at, -at-1)%len(raw)] ^= 1
		agree(t, raw, "")
	})
}

// agree verifies the newest signature of raw both ways.
func agree(t *testing.T, raw []byte, want mail.Status) {
	t.Helper()
	m, err := mail.ParseMessage(bytes.NewReader(raw), int64(len(raw)))
	if err != nil {
		t.Fatal(err)
	}
	for _, sig := range choose(m, "", time.Now()) {
		k, status, _ := parseKey(keyRecord(edKey.Public()), sig)
		if sig.refused != "" || status != "" {
			continue
		}
		byLibrary, why, judged := verifyLibrary(m, sig, k, m.Body())
		exact, whyExact := verifyExact(m, sig, k, m.Body())
		if judged && (byLibrary != exact || why != whyExact) || want != "" && exact != want {
			t.Fatalf("library %s (%s), exact %s (%s): %q", byLibrary, why, exact, whyExact, raw)
		}
	}
}
