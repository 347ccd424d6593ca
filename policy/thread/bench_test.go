package thread

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
)

const benchHeader = "Message-ID: <1@author.example>\nDate: Mon, 3 Mar 2025 10:00:00 +0100\nFrom: Eva Beispiel <eva@author.example>\nTo: Max Muster <max@c.example>\nMIME-Version: 1.0\n"

// prose is 4 KB of lines as people write them.
var prose = strings.Repeat("Thank you for your letter of last week. We have looked at what you sent us\nand will answer the open questions until Friday; 3 of 17 remain, as you know.\nThe colleagues in the other house have their own view: they will write to you.\n\n", 17)

func benchmarks() map[string]string {
	html := strings.ReplaceAll(prose, "\n\n", "</span></p>\n<p class=\"MsoNormal\" style=\"margin:0cm\"><span lang=\"EN-GB\" style=\"font-size:11.0pt\">")
	nested := strings.Repeat("<div><span style='display:none'><blockquote>", 5000)
	return map[string]string{
		"plain, no reply":   benchHeader + "Subject: Letter\nContent-Type: text/plain; charset=utf-8\n\n" + prose,
		"plain, reply":      benchHeader + "Subject: Re: Letter\nReferences: <a@b.example> <c@d.example>\nIn-Reply-To: <c@d.example>\nContent-Type: text/plain; charset=utf-8\n\nYes.\n\nOn Mon, 3 Mar 2025 at 10:00, Max Muster <max@c.example> wrote:\n" + strings.ReplaceAll(prose, "\n", "\n> "),
		"quoted-printable":  benchHeader + "Subject: Letter\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: quoted-printable\n\n" + strings.ReplaceAll(prose, "e;", "=C3=A9;"),
		"alternative":       benchHeader + "Subject: Letter\nContent-Type: multipart/alternative; boundary=\"b\"\n\n--b\nContent-Type: text/plain\n\n" + prose[:1500] + "\n--b\nContent-Type: text/html\n\n" + html[:2500] + "\n--b--\n",
		"German prose":      benchHeader + "Subject: Brief\nContent-Type: text/plain; charset=utf-8\n\n" + strings.ReplaceAll(prose, "a", "ä"),
		"attachment, 10 MB": benchHeader + "Subject: Letter\nContent-Type: multipart/mixed; boundary=\"b\"\n\n--b\nContent-Type: text/plain\n\nSee below.\n--b\nContent-Type: application/pdf\nContent-Transfer-Encoding: base64\nContent-Disposition: attachment\n\n" + strings.Repeat(base64.StdEncoding.EncodeToString(make([]byte, 57))+"\n", 10<<20/78) + "--b--\n",
		"hostile, tags":     benchHeader + "Content-Type: text/html\n\n" + nested + prose,
		"hostile, <":        benchHeader + "Content-Type: text/html\n\n" + strings.Repeat("<a =\"> \" ", 28000),
		"hostile, styles":   benchHeader + "Content-Type: text/html\n\n" + strings.Repeat("<style></x><!--", 17000),
		"hostile, colons":   benchHeader + "\n" + strings.Repeat("a@b 1234 x wrote:\n", 14000),
		"hostile, verbs":    benchHeader + "\n" + strings.Repeat("x@ 1234 "+strings.Repeat("\u00e9\u00e9.", 50)+":\n", 1500),
		"hostile, near":     benchHeader + "\n" + strings.Repeat("KW11 AAAAAAA 111111 AAAAAA \u00e9", 8000),
		"hostile, labels":   benchHeader + "\n" + strings.Repeat("From: a@b.example\nTo: b@c.example\n\n", 7000),
		"hostile, at signs": benchHeader + "\n" + strings.Repeat("From: "+strings.Repeat("\u4e00", 60)+"@"+strings.Repeat("\u4e00", 30)+".example\nTo: x\n\n", 900),
		"hostile, accounts": benchHeader + "\n" + strings.Repeat("MT84MALT011000012345MTLCAST001T ", 8000),
		"hostile, stems":    benchHeader + "\n" + strings.Repeat("new bank account ", 15000),
		"hostile, marks":    benchHeader + "\n" + strings.Repeat("\u200b\U000e0041\u0300", 30000),
		"hostile, ids":      "References:" + strings.Repeat("\n <a@b.example>", 8000) + "\n" + benchHeader + "\n",
		"hostile, To":       "To: " + strings.Repeat("\"(<", 5000) + strings.Repeat("(\"a@b.example,", 5000) + "\n\n",
	}
}

func BenchmarkPaymentWords(b *testing.B) {
	all := benchmarks()
	for _, name := range []string{"plain, reply", "German prose", "hostile, stems", "hostile, colons", "hostile, marks"} {
		m := message(b, all[name])
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				PaymentWords(m)
			}
		})
	}
}

func BenchmarkRead(b *testing.B) {
	for name, content := range benchmarks() {
		m := message(b, content)
		b.Run(fmt.Sprintf("%s, %d KB", name, (len(content)+512)>>10), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				Read(m)
			}
		})
	}
}
