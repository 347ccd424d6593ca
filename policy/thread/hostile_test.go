package thread

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// hostileUnits are what address lists and texts of 200 KB are made of, so that what is
// looked for again and again has no end, or one far behind.
var hostileUnits = []string{
	" ", ",", ";", "\"", "\\\"", "(", ")", "()", "(\\)", "((", "<", ">", "<>", "@", "@(", "@()", "@ .", "@.( ", "@a .", "@a. ", "@a().", "a@b.de,", "a@b.de ", "<a@b.de>", "<a@b.de, ", "\"a@b.de\" ", "\"a\"@", "\"@", "<@", ") @ ", "( @", "x@y (", "x <a@b.de> (", ":", "@:", "<@a:",
	"\u00a0", "\u200b", "\u00ad@", "@\u00e9.de,", "a@\u00e9\u200b.de ", "\uff20\u4e00.\u4e8c,", "\x80@", "=?", "=?utf-8?q?", "?=", "=?utf-8?q?=40?= ", "=?utf-8?q?=40?=,", "=?utf-8?b?QA==?=;", "=?iso-2022-jp?q?x?= ", "=?gb18030?q?x?=,", "=?x?q?@?=,", "=?utf-7?q?+AEA-?=,", "=?utf-16?b?AEA?= <a@b.de>,", "[mailto:", "a@b.de<mailto:", "\\",
	"=?big5?q?a?= =?koi8-r?q?a?= <a@b.de>, ", "=?x?q?a?= =?y?q?a?= a@b.de (", "'\"\\_* ", "a@1.2.3.", "a@-.", "a@\u0430\u0431.\u0432, ",
	"&#x40;", "<!--", "<!--[if", "<!-->", "<!--[if>", "</", "<a b='", "<a b=\"", "<a style=x:", "<a href=mailto:a@b.de>", "<style>", "<style></", "<div style='display:none'>", "<p class=gmail_attr>wrote", "<blockquote>", "<pre>\n", "<![", "--", "-->", "<!-- --",
	"From: a@b.de\n", "To: ,x,\n", "> From: a@b.de\n> Date: x\n", "From: a@b.de\nDate: x\n\n\n\n", "From: a@\u00e9.de\nDate: x\n\n\n\n", "From: =?gb18030?q?x?= <a@b.de>\nDate: x\n\n\n\n", "a:\n", "wrote:\n", "a@b.de 1234 wrote:\n", "1 ", "1\u0301", "DE1", "IBAN", "DE89 3704 0044 0532 0130 00 ", "\uff24\uff25\uff18\uff19 ", "bank ", "new bank ", "-----\n", "--b\n\n", "--b\nContent-Type: message/rfc822\n\n", "\n",
}

const hostileOctets = 195 << 10

// hostileTexts are such messages, by what they are made of and where it stands.
func hostileTexts(size int) map[string]string {
	all := map[string]string{}
	fold := func(unit string) string { // in lines
		var b strings.Builder
		for unit = strings.ReplaceAll(unit, "\n", " "); b.Len() < size; {
			b.WriteString(strings.Repeat(unit, max(1, 900/len(unit))) + "\n ")
		}
		return b.String() + "\n"
	}
	attached := "Content-Type: message/rfc822\n\nFrom: x@y.de\n"
	multipart := "Content-Type: multipart/mixed; boundary=b\n\n--b\n"
	for _, u := range hostileUnits {
		full := strings.Repeat(u, size/len(u))
		all["text "+u] = benchHeader + "\n" + full
		all["html "+u] = benchHeader + "Content-Type: text/html\n\n" + full
		all["parts "+u] = multipart + "\n" + full
		all["attached "+u] = benchHeader + attached + "To: " + fold(u) + "\n"
		all["quoted "+u] = benchHeader + "\n" + strings.Repeat("From: a@b.de\nDate: x\nTo: "+strings.Repeat(strings.ReplaceAll(u, "\n", " "), 8000/len(u))+"\n\n\n\n", size/8000)
		third := strings.TrimSpace(fold(u)[:size/3])
		all["fields "+u] = "To: " + third + "\nCc: " + third + "\nReply-To: " + third + "\n\nx"
		all["names "+u] = "To: " + strings.Repeat(strings.ReplaceAll(u, "\n", " ")+" <a@b.de>, ", 16000/(len(u)+11)) + "\nCc: " + strings.Repeat(strings.ReplaceAll(u, "\n", " ")+" <a@b.de>, ", 16000/(len(u)+11)) + "\n" + attached + "To: " + strings.Repeat(strings.Repeat(strings.ReplaceAll(u, "\n", " "), 400/len(u))+" <a@b.de>,\n ", size/400) + "\n\n"
		all["subject "+u] = "Subject: " + fold(u)[:size/2] + "\nReferences: " + fold(u)[:size/2] + "\n\nx"
	}
	for name, blank := range map[string]string{"spaces": " ", "tabs": "\t", "wide": "\u3000"} {
		many := strings.Repeat(blank, 4000/len(blank))
		all["commas behind "+name] = benchHeader + attached + "To: " + strings.Repeat("\n "+many, size/8000) + "x" + strings.Repeat("\n "+strings.Repeat(",", 4000), size/8000) + "\n\n"
		all["quoted commas behind "+name] = benchHeader + "\n" + strings.Repeat("From: a@b.de\nDate: x\nTo: ,"+many+"x"+strings.Repeat(",", 4000)+"\n\n\n\n", size/8000)
	}
	for name, of := range map[string]func(i int) string{
		"long labels":  func(int) string { return distinct(330, 0x4e00) },
		"labels":       func(i int) string { return distinct(60, 0x4e00+i) + ".de" },
		"umlauts":      func(i int) string { return distinct(11, 0xe0+i%16) + fmt.Sprint(i) + ".de" },
		"short labels": func(i int) string { return string(rune(0x4e00+i)) + ".1" },
		"marks":        func(i int) string { return "\u0644\u0300" + string(rune(0x5e00+i)) + ".1" },
		"ASCII":        func(i int) string { return fmt.Sprintf("d%d.de b@e%d.de", i, i) },
		"nothing":      func(int) string { return "" },
	} {
		for _, most := range []int{7 << 10, maxListOctets} {
			var list strings.Builder
			for i := 0; list.Len() < most; i++ {
				list.WriteString("a@" + of(i) + "(, ")
			}
			v := "=?utf-8?q?x?= (c) \"q\" \u200b" + list.String()[:most-100] + ")\n"
			all[fmt.Sprint("addresses of ", name, " ", most)] = "To: " + v + "Cc: " + v + "Reply-To: " + v + "\nx"
		}
	}
	var ids strings.Builder
	for i := range maxCited {
		fmt.Fprintf(&ids, "\n <%d@%c%s.%s.de>", i, 0x4e00+i, strings.Repeat("\u00e4\u4e00", 28), strings.Repeat("\u0430\u0431", 28))
	}
	all["foreign ids"] = "References:" + ids.String() + "\n\nx"
	return all
}

// distinct is n letters one behind the other, from first on.
func distinct(n, first int) string {
	var b strings.Builder
	for i := range n {
		b.WriteRune(rune(first + i))
	}
	return b.String()
}

func BenchmarkHostile(b *testing.B) {
	for name, content := range hostileTexts(hostileOctets) {
		m := message(b, content)
		b.Run(fmt.Sprintf("%q", name), func(b *testing.B) {
			for b.Loop() {
				Read(m)
			}
		})
	}
}

// What is looked for again and again takes a second and more.
func TestNoTextCostsMoreThanItsLength(t *testing.T) {
	if raced {
		t.Skip("the race detector makes all of it ten times as slow")
	}
	const most = 100 * time.Millisecond // five times as much as any takes on a core of 2020
	for name, content := range hostileTexts(hostileOctets) {
		m := message(t, content)
		best := time.Hour
		for n := 0; n < 5 && best > most; n++ {
			start := time.Now()
			Read(m)
			best = min(best, time.Since(start))
		}
		if best > most {
			t.Errorf("%.40q: %v", name, best)
		}
	}
}
