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
		"hostile, 32 KiB":    "From: \"" + strings.Repeat("c@d.example(<,", maxFromOctets/14-10) + "\" <a@b.example>\r\n",
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
