package dkim

import (
	"fmt"
	"strings"
	"testing"

	library "github.com/emersion/go-msgauth/dkim"

	"mxgate/policy/dns"
	"mxgate/policy/mail"
)

// d=, s= and the domain of i= are names, or the signature is a permerror and
// nobody is asked: RFC 6376, Section 3.5; RFC 8616, Section 4.
func TestDuty_B3(t *testing.T) {
	const sound = "v=1; a=rsa-sha256; d=D; s=S; i=I; h=From; bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=; b=QUJD"
	names := map[string]string{"D": "example.com", "S": "sel", "I": "erika@example.com"}
	field := func(changed, text string) string {
		field := sound
		for name, is := range names {
			if name == changed {
				is = text
			}
			field = strings.Replace(field, "="+name+";", "="+is+";", 1)
		}
		return "DKIM-Signature: " + field + "\r\n" + plain
	}
	inside := map[string]string{
		"NUL": "\x00", "space": " ", "tab": "\t", "a fold": "\r\n ", "vertical tab": "\v", "form feed": "\f", "no-break space": "\u00a0", "ideographic space": "\u3000",
		"line separator": "\u2028", "zero width space": "\u200b", "double quote": `"`, "single quote": "'", "backslash": `\`, "opening parenthesis": "(", "closing parenthesis": ")",
		"comment": "(x)", "bracket": "<", "slash": "/", "percent": "%", "octet that is no UTF-8": "\xff", "empty label": "..", "DEL": "\x7f",
	}
	z := zone(t, keyRecord(rsaKey().Public()))
	for what, text := range inside {
		for name, is := range names {
			for _, at := range []int{len(is) - 2, len(is) - 1} { // in the domain, in all of them
				raw := field(name, is[:at]+text+is[at:])
				if got := verifyOne(t, raw, z); got.Status != mail.PermError || len(z.asked) > 0 {
					t.Errorf("%s in %s=: %+v, asked %q", what, strings.ToLower(name), got, z.asked)
				}
			}
		}
	}
	for _, text := range []string{"a\x00b@example.com", "a\x1bb@example.com"} {
		if got := verifyOne(t, field("I", text), z); got.Status != mail.PermError || len(z.asked) > 0 {
			t.Errorf("i=%q: %+v, asked %q", text, got, z.asked)
		}
	}
	if got := verifyOne(t, field("", ""), z); got.Status != mail.Fail || len(z.asked) != 1 {
		t.Errorf("without any of them nothing is wrong: %+v, asked %q", got, z.asked)
	}
}

// U-labels are asked for as A-labels, and a signature under them can pass.
func TestDuty_B3_ULabels(t *testing.T) {
	raw := sign(t, plain, func(o *library.SignOptions) {
		o.Domain, o.Selector, o.Identifier = "b\u00fccher.example", "s\u00e9l", "@post.b\u00fccher.example"
	})
	z := zone(t, "")
	z.Resolver.(*dns.Snapshot).Add("xn--sl-bja._domainkey.xn--bcher-kva.example", "TXT", keyRecord(edKey.Public()))
	got := verifyOne(t, raw, z)
	if got.Status != mail.Pass || got.Domain != "xn--bcher-kva.example" || got.Selector != "xn--sl-bja" || fmt.Sprint(z.asked) != "[xn--sl-bja._domainkey.xn--bcher-kva.example]" {
		t.Errorf("%+v, asked %q", got, z.asked)
	}
}
