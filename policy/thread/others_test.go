package thread

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"mxgate/policy/mail"
)

// strangers are ways to write b@he1se.de, beside anna@heise.de, such that one program
// or another reads it.
var strangers = []string{
	"b@he1se.de",
	// Valid: RFC 5322, Section 3.4.1 and 4.4.
	`Anna <"anna@heise.de"@he1se.de>`, `"<anna@heise.de>"@he1se.de`, `"anna@heise.de"@he1se.de`, `"a\"<anna@heise.de>\""@he1se.de`,
	`(()") a@pad0.net, a@pad1.net, b@he1se.de, y@heise.de (()"), z@heise.de`, `(\)") a@pad0.net, b@he1se.de, y@heise.de (\)"), z@heise.de`, `((\)) (") x@y.net, b@he1se.de (")`,
	"b@he1se(x).de", "b@he1se .de", "b@he1se. de", "b@he1se (x) . (y) de", "b@he1se\r\n .de", "b@he1se.\r\n\tde", "<b@he1se(a(b)c).de>", "<b@he1se (x) .de>", "<b@(a(b)c)he1se.de>", `b@(\))he1se.de`, `b@he1se(\)).de`, `<b@he1se(\().de>`,
	`<b@(\))he1se.de> <anna@heise.de>`, `b@he1se(").de, "`, `b@he1se(\)).de@heise.de`, "b@he1se.(x) de", "<@heise.de:b@he1se.de>", "<@he1se.de:b@heise.de>",
	// With what is not shown.
	"b@he1\u00adse.de", "b@he1\u200bse.de", "b@\ufeffhe1se.de", "b@he1\u034fse.de", "b@he1\ufe0fse.de", "b@he1se\x00.de", "b@h\x01e1se.de", "b@he1se\x7f.de", "<b@he1\u00adse.de>", "b@\u00a0he1se.de", "b@he1se\u00a0.de", "b@he1se\v.de", "b@he1se.de\u200b.net",
	// Malformed.
	"<anna@heise.de, b@he1se.de>", "<anna@heise.de, b@he1se.de", "<b@he1se.de> <b@heise.de>", "b@he1se.de@heise.de", "b@heise.de@he1se.de", "b@he1se.de <b@heise.de", "(b@he1se.de", "(x b@he1se(y).de", "\"b@he1se.de", "\"b@he1se\".de", "b@he1\\se.de", "b@.he1se.de", "b\uff20he1se.de", "b@he1se\uff0ede",
	"=?utf-8?q?b=40he1?= =?utf-8?q?se.de?= <anna@heise.de>", "=?utf-8?q?b=40he1se.de?= <anna@heise.de>", "<b@=?utf-8?q?he1se?=.de>", "=?utf-8?q?b@he1se.de=2Enet?= <anna@heise.de>", "Eva @ Home b@he1se.de <anna@heise.de>",
}

func TestWhomAnyProgramReadsIsShown(t *testing.T) {
	for name, where := range map[string]Where{"To": To, "Cc": Cc, "Reply-To": ReplyTo, "Cc\u00a0": Cc, "C\x01c": Cc, "reply-to ": ReplyTo, "Reply-To\u00a0": ReplyTo, "To\t": To} {
		for _, s := range strangers {
			c := Read(message(t, name+": "+strings.ReplaceAll(s, "\r\n", "\n")+"\n\nText\n"))
			check(t, c)
			if !slices.ContainsFunc(c.Parties, func(p Party) bool { return p.Domain == "he1se.de" && p.Where == where }) || c.Unread != "" {
				t.Errorf("%q: %q: parties %q, unread %q", name, s, told(c.Parties), c.Unread)
			}
		}
	}
}

// What the best program reads has its address.
func TestValidAddressesAreReadWhole(t *testing.T) {
	for s, want := range map[string]string{
		`Anna <"anna@heise.de"@he1se.de>`:  `to Anna <"anna@heise.de"@he1se.de>`,
		`"<anna@heise.de>"@he1se.de`:       `to <"<anna@heise.de>"@he1se.de>`,
		"b@he1se(x).de (Eva)":              "to Eva <b@he1se.de>",
		"b@he1se .de":                      "to <b@he1se.de>",
		"Eva <b@he1se(a(b)c) . (d)de>":     "to Eva <b@he1se.de>",
		`b@(\))he1se.de`:                   "to <b@he1se.de>",
		"\"x\" (a \"(b)) b@he1\u200bse.de": "to x (a (b)) <b@he1se.de>",
		"b (\\)(x)) @ (y) he1\u00adse.de":  "to <b@he1se.de>",
	} {
		c := Read(message(t, "To: "+s+"\n\nText\n"))
		if len(c.Parties) == 0 || told(c.Parties)[0] != want {
			t.Errorf("%q: parties %q, want %q first", s, told(c.Parties), want)
		}
	}
}

// Long lists of people are read whole, however their names are written.
func TestHonestListsShowNobodyElse(t *testing.T) {
	for _, s := range []string{
		"\"Muster, Eva\" <eva.muster@d0.example>, ", "=?utf-8?q?M=C3=BCller=2C_Eva?= <eva@d0.example>,\n ", "\"'eva@d0.example'\" <eva@d0.example>,\n\t", "eva@d0.example (Eva Muster), ",
		"Eva Muster (Abt. 3) <eva@d0.example>; ", "M\u00fcller, Eva <eva@d0.example>, ", "\"Eva @ Haus\" <eva@d0.example>, ", "<eva@d0.example>, ", "eva@d0.example <mailto:eva@d0.example>, ", "=?utf-8?b?RXZhIDxldmFAZDAuZXhhbXBsZT4=?= <eva@d0.example>, ",
	} {
		var list strings.Builder
		for n := 0; n < maxTries/2-1 && list.Len() < maxListOctets-100; n++ {
			list.WriteString(strings.Replace(s, "@d0", fmt.Sprintf("%d@d0", n), 2))
		}
		c := Read(message(t, "To: "+list.String()+"x@last.example\n\nText\n"))
		check(t, c)
		strange := slices.ContainsFunc(c.Parties, func(p Party) bool { return p.Domain != "d0.example" || p.Address.Local == "" })
		if len(c.Parties) != maxHeaderParties || strange || len(c.Crowd) != 1 || c.Crowd[0].Domain != "last.example" || c.Unread != "" {
			t.Errorf("%q: %d parties, strangers %t, crowd %q, unread %q", s, len(c.Parties), strange, told(c.Crowd), c.Unread)
		}
	}
}

// What is attached is read as far as a header is.
func TestLongAttachedListsAreCut(t *testing.T) {
	for n, unread := range map[int]string{80: "", 200: "more addresses than are read"} {
		c := Read(message(t, "Content-Type: message/rfc822\n\nFrom: a@b.example\nTo: "+strings.Repeat(strings.Repeat("x", 100)+" <a@c.example>,\n ", n)+"z@last.example\n\nText\n"))
		check(t, c)
		if len(c.Parties) < 2 || c.Parties[1].Domain != "c.example" || c.Unread != unread || (len(c.Parties) == 3) != (unread == "") {
			t.Errorf("%d: parties %q, unread %q", n, told(c.Parties), c.Unread)
		}
	}
}

func TestOthersAreBoundedAsAllPartiesAre(t *testing.T) {
	var list strings.Builder
	for i := range 300 {
		list.WriteString("<a@heise.de, b@d" + string(rune('a'+i%26)) + string(rune('a'+i/26)) + ".net>,")
	}
	for _, c := range []struct {
		where   Where
		parties int
		crowd   int
		unread  string
	}{{To, maxHeaderParties, 241, ""}, {ReplyTo, maxReplyParties, 0, MoreReplies}} {
		got := Read(message(t, string(c.where)+": "+list.String()+"\n\nText\n"))
		check(t, got)
		if len(got.Parties) != c.parties || len(got.Crowd) != c.crowd || got.Unread != c.unread {
			t.Errorf("%s: %d parties, a crowd of %d, unread %q", c.where, len(got.Parties), len(got.Crowd), got.Unread)
		}
	}
	list.Reset()
	for i := range 150 {
		fmt.Fprintf(&list, "<a@heise.de, b@%060d.de(.net>, ", i)
	}
	got := Read(message(t, "Cc: "+list.String()+"\n\nText\n"))
	if got.Unread != MoreRecipients {
		t.Errorf("of more than is read in every way, unread %q", got.Unread)
	}
	for n, unread := range map[int]string{maxForeign / 2: "", maxForeign/2 + 1: MoreRecipients} {
		list.Reset()
		for i := range n {
			fmt.Fprintf(&list, "<a@heise.de, b@\u00e4%d.de>, ", i)
		}
		if got := Read(message(t, "Cc: "+list.String()+"\n\nText\n")); got.Unread != unread {
			t.Errorf("%d names that are no ASCII: unread %q", n, got.Unread)
		}
	}
}

// mail.HeaderDomains reads what can be read in several ways: whom it finds, Read shows.
func FuzzOthers(f *testing.F) {
	for _, s := range strangers {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		content := "Cc: " + s + "\r\n\r\nx"
		m, err := mail.ParseMessage(strings.NewReader(content), int64(len(content)))
		if err != nil {
			t.Skip()
		}
		c := Read(m)
		check(t, c)
		if c.Unread != "" {
			t.Skip()
		}
		domains, _ := mail.HeaderDomains(m, "Cc", 50)
		for _, d := range domains {
			if !slices.ContainsFunc(c.Parties, func(p Party) bool { return p.Domain == d && p.Where == Cc }) {
				t.Errorf("%s is not among %q", d, told(c.Parties))
			}
		}
	})
}
