package mail

import (
	"strings"
	"testing"
)

// usualHeader is the header section of mail from a large provider behind another.
var usualHeader = behind("ARC-Seal: i=1; a=rsa-sha256; t=1700000000; cv=none;\r\n        d=example.net; s=arc-20240605;\r\n        b=" +
	strings.Repeat(strings.Repeat("Abcd", 17)+"\r\n         ", 5) + "==\r\n" +
	"Authentication-Results: mx.example.net;\r\n       dkim=pass header.i=@example.com header.s=s1 header.b=abcdefgh;\r\n       spf=pass smtp.mailfrom=a@example.com\r\n" +
	"DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed;\r\n        d=example.com; s=s1; t=1700000000;\r\n        h=to:subject:message-id:date:\r\n         from:mime-version; bh=" +
	"47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=;\r\n        b=" + strings.Repeat(strings.Repeat("Abcd", 17)+"\r\n         ", 5) + "==\r\n" +
	"MIME-Version: 1.0\r\nFrom: =?utf-8?q?Erika_M=C3=BCller?= <a@example.com>\r\nDate: Mon, 1 Jan 2024 00:00:00 +0000\r\nMessage-ID: <1@example.com>\r\n" +
	"Subject: An ordinary message\r\nTo: B <b@example.org>\r\nContent-Type: text/plain; charset=utf-8\r\n")

func BenchmarkParseMessage(b *testing.B) {
	content := usualHeader + "\r\n" + strings.Repeat("A line of an ordinary body.\r\n", 60)
	b.SetBytes(int64(len(content)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ParseMessage(strings.NewReader(content), int64(len(content))); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkParseAuthor(b *testing.B) {
	for name, header := range map[string]string{
		"usual":              usualHeader,
		"an address shown":   "From: \"c@d.example via Docs\" <a@b.example>\r\n",
		"hostile, 8 KiB":     "From: \"" + strings.Repeat("c@d.example(<,", maxFromOctets/14-10) + "\" <a@b.example>\r\n",
		"hostile, 1 MiB":     strings.Repeat("X: y\r\n From: \r"+strings.Repeat("from:\r", 150)+"\r\n", MaxHeaderOctets/1000) + "From: a@b.example\r\n",
		"hostile, CR":        strings.Repeat("X: "+strings.Repeat("\r", MaxFieldOctets-10)+"\r\n", 7) + "From: a@b.example\r\n",
		"hostile, folds":     strings.Repeat("X: y\n"+strings.Repeat(" \n", (MaxFieldOctets-10)/2), 7) + "From: a@b.example\r\n",
		"hostile, no domain": strings.Repeat("X: "+strings.Repeat("from:@\r", (MaxFieldOctets-10)/7)+"\r\n", 7) + "From: a@b.example\r\n",
	} {
		m := parsed(b, header+"\r\n")
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				ParseAuthor(m)
			}
		})
	}
}

// hostileNames are what follows the "@" of addresses that cost much to read.
var hostileNames = map[string]func(i int) string{
	"a label that is none":  func(int) string { return distinct(330, 0x4e00) },
	"labels as long as any": func(i int) string { return distinct(60, rune(0x4e00+i)) + ".example" },
	"short ones":            func(i int) string { return string(rune(0xe0+i%5000)) + ".1" },
	"short ones and marks":  func(i int) string { return "\u0644\u0300" + string(rune(0x5e00+i)) + ".1" },
	"ASCII":                 func(int) string { return "a.-" },
	"nothing":               func(int) string { return "" },
}

// hostileFields is a header section of which all address fields, with all that
// makes another reading, show such names.
func hostileFields(name func(i int) string) string {
	var b strings.Builder
	for _, field := range []string{"From", "Sender", "Resent-From", "Reply-To", "To", "Cc"} {
		b.WriteString(field + ": =?utf-8?q?x?= (c) \"q\" \u200b")
		for end, i := b.Len()+maxFromOctets-1100, 0; b.Len() < end; i++ {
			b.WriteString("a@" + name(i) + ", ")
		}
		b.WriteString("\r\n")
	}
	return b.String()
}

func BenchmarkHostileAddresses(b *testing.B) {
	for name, unit := range hostileNames {
		m := parsed(b, hostileFields(unit)+"\r\n")
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				ParseAuthor(m)
				for _, field := range []string{"Reply-To", "To", "Cc"} {
					HeaderDomains(m, field, 50)
				}
			}
		})
	}
}
