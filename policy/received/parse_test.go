package received

import (
	"bytes"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"mxgate/policy/mail"
)

func message(t testing.TB, header string) *mail.Message {
	t.Helper()
	m, err := mail.ParseMessage(bytes.NewReader([]byte(header)), int64(len(header)))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// dates holds the dates of the catalogue of formats, by its numbers.
var dates = []struct {
	name, date string
	want       time.Time
	defect     string
}{
	{"regular", "Mon, 2 Nov 2026 10:00:00 +0100", nine, ""},
	{"D1 no weekday", "2 Nov 2026 10:00:00 +0100", nine, ""},
	{"D2 zone in a comment", "Mon, 2 Nov 2026 09:00:00 +0000 (UTC)", nine, ""},
	{"D2 GMT", "Mon, 2 Nov 2026 09:00:00 GMT", nine, ""},
	{"D2 UT", "Mon, 2 Nov 2026 09:00:00 UT", nine, ""},
	{"D2 EST", "Mon, 2 Nov 2026 04:00:00 EST", nine, ""},
	{"D2 unknown zone", "Mon, 2 Nov 2026 09:00:00 XYZ", nine, DefectZone},
	{"no zone", "Mon, 2 Nov 2026 09:00:00", nine, ""},
	{"D3 unknown local zone", "Mon, 2 Nov 2026 09:00:00 -0000", nine, ""},
	{"D4 two-digit year", "2 Nov 26 09:00:00 -0000", nine, ""},
	{"D4 two-digit year of the last century", "2 Nov 98 09:00:00 -0000", nine.AddDate(-28, 0, 0), ""},
	{"D5 single digits", "Mon,  2 Nov 2026 9:00:00 +0000", nine, ""},
	{"D6 fraction", "Mon, 02 Nov 2026 09:00:00.516 +0000 (UTC)", nine.Add(516 * time.Millisecond), ""},
	{"D7 ctime with zone", "Mon Nov 02 09:00:00 2026 +0000", nine, ""},
	{"D7 ctime with zone before the year", "Mon Nov  2 04:00:00 EST 2026", nine, ""},
	{"D8 comment behind", "Mon, 2 Nov 2026 09:00:00 +0000 (envelope-from <a@example.org>)", nine, ""},
	{"D9 none", "", time.Time{}, DefectNoDate},
	{"D10 leap second", "Mon, 2 Nov 2026 08:59:60 +0000", nine.Add(-time.Second), DefectLeapSecond},
	{"D11 1970", "Thu, 1 Jan 1970 00:00:00 +0000", time.Unix(0, 0), DefectYear},
	{"D11 2038", "Tue, 19 Jan 2038 03:14:07 +0000", time.Unix(1<<31-1, 0), DefectYear},
	{"zone glued to the time", "Mon, 2 Nov 2026 04:00:00-0500", nine, ""},
	{"no such day", "Mon, 31 Feb 2026 09:00:00 +0000", time.Time{}, DefectDate},
	{"no such hour", "Mon, 2 Nov 2026 24:00:00 +0000", time.Time{}, DefectDate},
	{"words", "yesterday at nine o'clock", time.Time{}, DefectDate},
}

func TestDatesAreReadWithTheirDefects(t *testing.T) {
	for _, c := range dates {
		t.Run(c.name, func(t *testing.T) {
			h := Parse("from x ([192.0.2.1]) by mx.example.com; " + c.date)
			if !h.Time.Equal(c.want) {
				t.Errorf("got %v, want %v", h.Time, c.want)
			}
			if c.defect != "" && !slices.Contains(h.Defects, c.defect) || c.defect == "" && len(h.Defects) > 0 {
				t.Errorf("defects %q, want %q", h.Defects, c.defect)
			}
		})
	}
}

func TestDefectsAreNotedAndTheRestIsRead(t *testing.T) {
	const tail = " by mx.example.com with SMTP; Mon, 2 Nov 2026 09:00:00 +0000"
	for _, c := range []struct{ name, value, defect, want string }{
		{"NUL", "from x\x00y ([192.0.2.1])" + tail, DefectControl, "smtp ip=192.0.2.1 helo=x by=mx.example.com proto=SMTP"},
		{"bare CR", "from x\ry ([192.0.2.1])" + tail, DefectControl, "smtp ip=192.0.2.1 helo=x by=mx.example.com proto=SMTP"},
		{"8-bit", "from x\xe4y ([192.0.2.1])" + tail, Defect8Bit, "smtp ip=192.0.2.1 helo=x\xe4y by=mx.example.com proto=SMTP"},
		{"stray parenthesis", "from x) ([192.0.2.1])" + tail, DefectParenthesis, "smtp ip=192.0.2.1 helo=x by=mx.example.com proto=SMTP"},
		{"open comment", "from x (y [192.0.2.1]" + tail, DefectOpenComment, "garbage helo=x rdns=y"},
		{"no semicolon", "from x ([192.0.2.1]) by mx.example.com with SMTP id 5 Mon, 2 Nov 2026 09:00:00 +0000", DefectSemicolon, "smtp ip=192.0.2.1 helo=x by=mx.example.com proto=SMTP id=5"},
		{"two by", "from x ([192.0.2.1]) by a.example" + tail, DefectTwoBy, "garbage helo=x proto=SMTP"},
		{"by in a certificate name", `from x ([192.0.2.1]) (Client CN "signed by y")` + tail, DefectTwoBy, "garbage helo=x proto=SMTP"},
		{"two from", "from x from y ([192.0.2.1])" + tail, DefectTwoFrom, "noip helo=x by=mx.example.com proto=SMTP ambiguous"},
		{"two addresses", "from x (y [192.0.2.1]) (z [192.0.2.2])" + tail, "", "noip helo=x rdns=z by=mx.example.com proto=SMTP ambiguous"},
		{"an unknown remark behind the address", "from x ([192.0.2.1]) (something else)" + tail, "", "noip helo=x by=mx.example.com proto=SMTP ambiguous"},
		{"an address behind Exim's keys", "from [192.0.2.1] (port=1 helo=) (192.0.2.2)" + tail, "", "noip by=mx.example.com proto=SMTP ambiguous"},
		{"an address behind a nested comment", "from x (h [192.0.2.1] (y) [192.0.2.2])" + tail, "", "noip helo=x rdns=h by=mx.example.com proto=SMTP ambiguous"},
		{"another address outside the comment", "from x (EHLO y) ([192.0.2.1]) [192.0.2.2]" + tail, "", "noip helo=y rdns=x by=mx.example.com proto=SMTP ambiguous"},
		{"two addresses at a filter", "from x (y [192.0.2.1]) (z [192.0.2.2]) by localhost with SMTP; Mon, 2 Nov 2026 09:00:00 +0000", "", "noip helo=x rdns=z by=localhost proto=SMTP ambiguous"},
		{"a path behind the host that wrote", `from x ([192.0.2.1]) by mx.example.com (envelope-sender <"a) (127.0.0.1) (b"@example.org>) with SMTP; Mon, 2 Nov 2026 09:00:00 +0000`, "", `smtp ip=192.0.2.1 helo=x by=mx.example.com proto=SMTP env="a`},
		{"an address in a program's comment", "from x ([192.0.2.1]) by mx.example.com (gateway 1.0 [127.0.0.1]) with SMTP; Mon, 2 Nov 2026 09:00:00 +0000", "", "smtp ip=192.0.2.1 helo=x by=mx.example.com proto=SMTP"},
		{"a writer that listens on loopback", "from x ([192.0.2.1]) by mx.example.com ([127.0.0.1]) with SMTP; Mon, 2 Nov 2026 09:00:00 +0000", "", "smtp ip=192.0.2.1 helo=x by=mx.example.com byip=127.0.0.1 proto=SMTP"},
		{"no by", "from x ([192.0.2.1]) with SMTP; Mon, 2 Nov 2026 09:00:00 +0000", "", "garbage helo=x"},
		{"empty", "", DefectNoDate, "garbage"},
		{"punctuation", ");;)((;", DefectOpenComment, "garbage"},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := Parse(c.value)
			if got := describe(h); got != c.want {
				t.Errorf("\n got %s\nwant %s", got, c.want)
			}
			if c.defect != "" && !slices.Contains(h.Defects, c.defect) {
				t.Errorf("defects %q, want %q", h.Defects, c.defect)
			}
		})
	}
}

func TestAFieldBeyondALimitIsCutOff(t *testing.T) {
	const good = "from x (x [192.0.2.1]) by mx.example.com with SMTP"
	for _, c := range []struct{ name, value, want string }{
		{"octets", good + " for <" + strings.Repeat("a", 100<<10) + ">; Mon, 2 Nov 2026 09:00:00 +0000", "smtp"},
		{"comments", good + strings.Repeat(" (x)", 200) + "; Mon, 2 Nov 2026 09:00:00 +0000", "smtp"},
		{"words", good + strings.Repeat(" x", 1000) + "; Mon, 2 Nov 2026 09:00:00 +0000", "smtp"},
		{"nesting", "from x " + strings.Repeat("(", 5000) + " [192.0.2.1] " + strings.Repeat(")", 5000) + " by mx.example.com; Mon, 2 Nov 2026 09:00:00 +0000", "garbage"},
		{"a second writer behind the cut", good + strings.Repeat(" (x)", 200) + " by mx.example.net; Mon, 2 Nov 2026 09:00:00 +0000", "garbage"},
	} {
		h := Parse(c.value)
		if !slices.Contains(h.Defects, DefectCut) || string(h.Kind) != c.want {
			t.Errorf("%s: kind %s, want %s; defects %q", c.name, h.Kind, c.want, h.Defects)
		}
	}
	if h := Parse("from x (x [192.0.2.1]) by mx.example.com for " + strings.Repeat("<a@example.com>, ", 100) + "; Mon, 2 Nov 2026 09:00:00 +0000"); len(h.For) != maxFor {
		t.Errorf("%d forward-paths, want %d", len(h.For), maxFor)
	}
}

func TestOnlyReceivedFieldsAreHopsNewestFirst(t *testing.T) {
	hops := Hops(message(t, "X-Received: by a.example with SMTP\r\nReceived: from x ([192.0.2.1])\r\n\tby b.example; Mon, 2 Nov 2026 09:00:00 +0000\r\n"+
		"Received-SPF: pass\r\nResent-Received: by c.example\r\nRECEIVED : from y ([192.0.2.2]) by d.example; Mon, 2 Nov 2026 09:05:00 +0000\r\n\r\n"))
	if len(hops) != 2 || hops[0].By != "b.example" || hops[0].Field != 1 || hops[1].By != "d.example" || hops[1].Field != 4 {
		t.Fatalf("got %+v", hops)
	}
	if !slices.Contains(hops[0].Defects, DefectBackwards) || slices.Contains(hops[1].Defects, DefectBackwards) {
		t.Errorf("D12 a hop earlier than the one before it: defects %q and %q", hops[0].Defects, hops[1].Defects)
	}
}

func TestAtMostAHundredHopsAreRead(t *testing.T) {
	if n := len(Hops(message(t, strings.Repeat("Received: by a.example with SMTP\r\n", 150)+"\r\n"))); n != maxHops {
		t.Errorf("%d hops, want %d", n, maxHops)
	}
}

// What lies behind a limit costs no memory: only what was cut into tokens is copied.
func TestWhatIsBehindALimitIsNotCopied(t *testing.T) {
	m := message(t, strings.Repeat("Received: by mx.example.com"+strings.Repeat(" (x)", 2<<10-20)+"\r\n", maxHops)+"\r\n")
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	hops := Hops(m)
	runtime.ReadMemStats(&after)
	if n := (after.TotalAlloc - before.TotalAlloc) / uint64(len(hops)); n > 3<<10 {
		t.Errorf("%d octets for each field", n)
	}
}

func BenchmarkParse(b *testing.B) {
	b.Run("exchange", func(b *testing.B) { benchmarkValue(b, valueOf(b, "F22")) })
	b.Run("postfix", func(b *testing.B) { benchmarkValue(b, formats[0].value) })
	long := formats[0].value[:strings.Index(formats[0].value, "by ")] + "by mx.example.com (" + strings.Repeat("x y ", 2<<10-100) + "); Mon, 2 Nov 2026 10:00:00 +0100"
	b.Run("8 KiB in a comment", func(b *testing.B) { benchmarkValue(b, long) })
	b.Run("8 KiB of words", func(b *testing.B) { benchmarkValue(b, strings.Repeat("by ", 8<<10/3)) })
}

// valueOf returns the first format with that number.
func valueOf(b *testing.B, number string) string {
	for _, c := range formats {
		if strings.HasPrefix(c.name, number) {
			return c.value
		}
	}
	b.Fatal("no format " + number)
	return ""
}

func benchmarkValue(b *testing.B, value string) {
	b.ReportAllocs()
	b.SetBytes(int64(len(value)))
	for b.Loop() {
		Parse(value)
	}
}

// BenchmarkHops reads messages that are all Received: 100 fields of 8 KiB each,
// in the shapes that cost most. Each must take less than a millisecond.
func BenchmarkHops(b *testing.B) {
	const head, tail = "Received: from x (x [192.0.2.1]) by mx.example.com ", " with SMTP; Mon, 2 Nov 2026 09:00:00 +0000\r\n"
	for _, c := range []struct{ name, head, text, tail string }{
		{"a comment", head + "(", "0123456789 ", ")" + tail},
		{"folded", head, "(version=TLSv1.3 cipher=TLS_AES_256_GCM_SHA384 bits=256 verify=NO is all)\r\n\t", tail},
		{"words", head, "id ", tail},
		{"one word", head, "0123456789a", tail},
		{"comments", head, "(x)", tail},
		{"deep comments", head, "((x)", tail},
		{"certificate", head + "(Client CN ", "\"(\" \")\" ", ")" + tail},
		{"parentheses", head, ")", tail},
		{"addresses", "Received: from x ", "[192.0.2.1] ", "by mx.example.com" + tail},
		{"addresses in a comment", "Received: from x (", "192.0.2.1 ", ") by mx.example.com" + tail},
		{"the letter y", head + "(", "y ", ")" + tail},
		{"white space", head, " \t", tail},
		{"8-bit", head + "(", "\xe4\xf6", ")" + tail},
		{"controls", head + "(", "\x01", ")" + tail},
		{"weekdays", head, "mon 1 ", "\r\n"},
		{"semicolons", head, ";", "\r\n"},
	} {
		n := (8<<10 - len(c.head) - len(c.tail)) / len(c.text)
		field := c.head + strings.Repeat(c.text, n) + c.tail
		m := message(b, strings.Repeat(field, maxHops)+"\r\n")
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if n := len(Hops(m)); n != maxHops {
					b.Fatal(n)
				}
			}
		})
	}
}

// BenchmarkWalk goes from the header section to the origin through ten hops of
// Microsoft 365, six above the border.
func BenchmarkWalk(b *testing.B) {
	var header strings.Builder
	inner := "Received: from A%d.eurprd00.prod.outlook.com\r\n (2001:db8:a:cafe::%d) by B%d.outlook.office365.com\r\n (2001:db8:a:c::2) with Microsoft SMTP Server (version=TLS1_2,\r\n cipher=TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384) id 15.20.7918.22 via Frontend\r\n Transport; Mon, 2 Nov 2026 09:00:00 +0000\r\n"
	for i := range 6 {
		fmt.Fprintf(&header, inner, i, i+1, i)
	}
	header.WriteString("Received: " + valueOf(b, "F22") + "\r\n")
	for range 3 {
		header.WriteString("Received: " + formats[0].value + "\r\n")
	}
	m := message(b, header.String()+"\r\n")
	bound := Boundary{Ingress: []string{"*.mail.protection.outlook.com"}, Inner: []string{"*.prod.outlook.com", "*.outlook.office365.com", "*.prod.exchangelabs.com"}}
	now := time.Date(2026, 11, 2, 9, 0, 30, 0, time.UTC)
	b.ReportAllocs()
	for b.Loop() {
		if o := Walk(Hops(m), bound, now); !o.IP.IsValid() {
			b.Fatal(o.Why)
		}
	}
}
