package sig

import (
	"fmt"
	"strings"
	"testing"
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
		tags, err := ParseTags(text)
		var got strings.Builder
		for i, tag := range tags {
			got.WriteString(map[bool]string{true: " "}[i > 0] + "{" + tag.Name + " " + tag.Value + "}")
		}
		if err == nil && "["+got.String()+"]" != want || (err != nil) != (want == "") {
			t.Errorf("%q: %q, %v", text, got.String(), err)
		}
	}
	var many strings.Builder
	for i := range maxTags {
		fmt.Fprintf(&many, "x%d=1;", i)
	}
	if tags, err := ParseTags(many.String()); err != nil || len(tags) != maxTags {
		t.Errorf("%d tags, %v", len(tags), err)
	}
	if _, err := ParseTags(many.String() + "y=1"); err == nil {
		t.Error("any number of tags is read")
	}
}

func FuzzTagList(f *testing.F) {
	f.Add("v=1; a=rsa-sha256; d=example.com; s=sel; h=From : To; bh=QUJD; b=QUJD")
	f.Add("v=DKIM1; k=ed25519; t=s:y; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=")
	f.Fuzz(func(t *testing.T, text string) {
		tags, err := ParseTags(text)
		if err != nil {
			return
		}
		var again strings.Builder
		for _, tag := range tags {
			again.WriteString(tag.Name + "=" + tag.Value + ";")
		}
		second, err := ParseTags(again.String())
		if err != nil || len(second) != len(tags) {
			t.Fatalf("%q: %q: %v", text, again.String(), err)
		}
		for _, keyType := range []string{"rsa", "ed25519"} {
			if a := ParseKey(text, keyType); (a.Status != "") == (a.Why == "") {
				t.Fatalf("%q: %s without a reason", text, a.Status)
			}
		}
	})
}

func TestFoldingWhiteSpaceAndNothingElseIsRemoved(t *testing.T) {
	for _, s := range []string{"", " ", "\r\n\t ", "abc", " a", "a ", "a b\r\n\tc", "\t\ta  b", "\u00a0 \v\f\x00 é "} {
		all := strings.NewReplacer(" ", "", "\t", "", "\r", "", "\n", "").Replace(s)
		if got := RemoveFWS(s); got != all {
			t.Errorf("%q: %q", s, got)
		}
		if got := trimFWS(s); got != strings.Trim(s, fws) {
			t.Errorf("%q trimmed: %q", s, got)
		}
	}
}
