package syntax

import (
	"errors"
	"strings"
	"testing"
)

// An atom has what RFC 5322, Section 3.2.3 lists, and nothing else.
func TestAnAtomIsOfAtext(t *testing.T) {
	const marks = "!#$%&'*+-/=?^_`{|}~"
	for c := range 256 {
		isAtext := c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || strings.IndexByte(marks, byte(c)) >= 0
		for _, s := range []string{string([]byte{byte(c)}), "a" + string([]byte{byte(c)}) + "b"} {
			if IsAtom(s) != isAtext {
				t.Errorf("%q is an atom: %t", s, !isAtext)
			}
		}
	}
	for _, s := range []string{"", "rfc.822", "rfc 822", "rfc822(x)", "\"rfc822\"", "rfc822\r\n", "ä"} {
		if IsAtom(s) {
			t.Errorf("%q is an atom", s)
		}
	}
}

// The type of ORCPT is an atom, and in lower case for us. RFC 3461, Section 4.2.
func TestTheTypeOfAnOriginalRecipientIsAnAtom(t *testing.T) {
	terms := Terms{Extended: true, DSN: true}
	for given, want := range map[string]string{
		"rfc822": "rfc822", "RFC822": "rfc822", "x_local": "x_local", "X-y+z": "x-y+z", "x/y": "x/y", strings.Repeat("x", 64): strings.Repeat("x", 64),
		"": "", "x.y": "", "x@y": "", "x:y": "", "x=y": "", "<x>": "", strings.Repeat("x", 65): "",
	} {
		cmd, err := terms.ParseRcpt("TO:<b@example.net> ORCPT="+given+";abc", false)
		if got := cmd.DSN.OriginalType; got != want || (want == "") != errors.Is(err, ErrParameterValue) {
			t.Errorf("%q: %q, %v, want %q", given, got, err, want)
		}
	}
}
