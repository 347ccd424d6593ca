package mail

import (
	"errors"
	"net/netip"
	"strings"
	"testing"
)

func TestParsePath(t *testing.T) {
	long := strings.Repeat("a", 64)
	for _, tc := range []struct {
		path string
		want string // String of the address
		rest string
	}{
		{"<a@b.example>", "a@b.example", ""},
		{"<a@b.example> SIZE=1", "a@b.example", " SIZE=1"},
		{"<>", "", ""},
		{"<> BODY=7BIT", "", " BODY=7BIT"},
		{"<A.b+c@B.Example>", "A.b+c@b.example", ""},
		{"<@c.example,@d.example:a@b.example>", "a@b.example", ""},
		{`<"a b"@b.example>`, `"a b"@b.example`, ""},
		{`<"a\"b\\c"@b.example>`, `"a\"b\\c"@b.example`, ""},
		{`<"a>b@c"@b.example>x`, `"a>b@c"@b.example`, "x"},
		{`<"abc"@b.example>`, "abc@b.example", ""},
		{"<postmaster>", "postmaster", ""},
		{"<Postmaster>", "Postmaster", ""},
		{"<a@[192.0.2.1]>", "a@[192.0.2.1]", ""},
		{"<a@[IPv6:2001:db8::1]>", "a@[IPv6:2001:db8::1]", ""},
		{"<a@[ipv6:2001:DB8:0::1]>", "a@[IPv6:2001:db8::1]", ""},
		{"<ä@b.example>", "ä@b.example", ""},
		{"<a@bücher.example>", "a@xn--bcher-kva.example", ""},
		{"<" + long + "@b.example>", long + "@b.example", ""},
	} {
		got, rest, err := ParsePath(tc.path)
		if err != nil || got.String() != tc.want || rest != tc.rest {
			t.Errorf("ParsePath(%q) = %q, %q, %v; want %q, %q", tc.path, got, rest, err, tc.want, tc.rest)
		}
	}
	for _, path := range []string{
		"", "a@b.example", "<", "<a@b.example", "< a@b.example>", "<a@b.example >", "<a>", "<@b.example>", "<a@>", "<a@b.example.>",
		"<a@@b.example>", "<a@b@c.example>", "<.a@b.example>", "<a.@b.example>", "<a..b@c.example>", "<a b@c.example>", `<"a@b.example>`,
		`<""@b.example>`, `<"a"b@c.example>`, `<"a\`, "<a\x00@b.example>", "<a\r@b.example>", "<\"a\x01\"@b.example>", "<a\xff@b.example>",
		"<@c.example a@b.example>", "<@:a@b.example>", "<,@c.example:a@b.example>", "<a@[192.0.2]>", "<a@[2001:db8::1]>", "<a@[IPv6:192.0.2.1]>",
		"<a@[IPv6:fe80::1%eth0]>", "<a@-b.example>", "<a@b_.c d>", "<" + long + "a@b.example>", "<a@" + strings.Repeat("b.", 130) + "example>",
		"<" + long + "@" + strings.Repeat("ä.", 30) + "example>", // 312 octets with A-labels
		"<postmaster@>", `<"postmaster">`, "<a(c)@b.example>",
	} {
		if got, rest, err := ParsePath(path); !errors.Is(err, ErrBadAddress) {
			t.Errorf("ParsePath(%q) = %q, %q, %v; want ErrBadAddress", path, got, rest, err)
		}
	}
}

func TestAddressKnowsWhatItIs(t *testing.T) {
	if !(Address{}).IsNull() || (Address{Local: "postmaster"}).IsNull() || (Address{Literal: netip.MustParseAddr("192.0.2.1")}).IsNull() {
		t.Error("IsNull")
	}
	if (Address{Local: "ä", Domain: "b.example"}).IsASCII() || !(Address{Local: "a", Domain: "b.example"}).IsASCII() {
		t.Error("IsASCII")
	}
	if s := (Address{Local: "a\r\n\x00", Domain: "b.example"}).String(); strings.ContainsAny(s, "\r\n\x00") {
		t.Errorf("String = %q", s)
	}
}

func FuzzParsePath(f *testing.F) {
	for _, s := range []string{"<a@b.example>", `<"a\"b\\c d"@b.example> SIZE=1`, "<@c.example,@d.example:a@b.example>", "<>", "<postmaster>",
		"<a@[192.0.2.1]>", "<a@[IPv6:2001:db8::1]>", "<a@[IPv6:::ffff:192.0.2.1]>", "<ä@bücher.example>", `<"ä>"@b.example>`,
		"<" + strings.Repeat("a", 64) + "@" + strings.Repeat("ä.", 20) + "example>", "<" + strings.Repeat("a", 64) + "@" + strings.Repeat("ä.", 21) + "example>"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		a, rest, err := ParsePath(s)
		if err != nil {
			if !errors.Is(err, ErrBadAddress) || a != (Address{}) || rest != "" {
				t.Fatalf("%v, %v, %q", err, a, rest)
			}
			return
		}
		if !strings.HasSuffix(s, ">"+rest) {
			t.Fatalf("rest %q", rest)
		}
		written := a.String()
		if strings.ContainsAny(written, "\r\n\x00") {
			t.Fatalf("line break in %q", written)
		}
		again, rest, err := ParsePath("<" + written + ">")
		if err != nil || again != a || rest != "" {
			t.Fatalf("%q was written %q and read back as %#v, %q, %v", s, written, again, rest, err)
		}
	})
}
