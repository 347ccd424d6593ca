package text

import (
	"bytes"
	"encoding/base64"
	"strings"
	"testing"
	"unicode/utf8"

	"mxgate/policy/mail"
)

func message(t testing.TB, content string) *mail.Message {
	t.Helper()
	m, err := mail.ParseMessage(strings.NewReader(content), int64(len(content)))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// pieces reads a message and writes what is given of it: "h" before the header
// of an attached message, "q" before what stands in one.
func pieces(t testing.TB, content string) (list []string, unread string) {
	t.Helper()
	unread = Each(message(t, content), func(p Part) {
		s := string(p.Text)
		if p.Quoted {
			s = "q " + s
		}
		if p.Header {
			s = "h " + s
		}
		list = append(list, s)
	})
	return list, unread
}

func TestTextIsDecoded(t *testing.T) {
	for name, c := range map[string]struct{ content, want string }{
		"no type":              {"\nabc\n", "abc\n"},
		"CRLF":                 {"\r\n\r\nabc\r\nd", "\nabc\nd"},
		"CRCRLF":               {"\r\n\r\nabc\r\r\nd\r\n", "\nabc\nd\n"},
		"quoted-printable":     {"Content-Transfer-Encoding: quoted-printable\n\na=C3=\n=A9b =\nc=3d =zz  \n", "aéb c= =zz\n"},
		"base64":               {"Content-Transfer-Encoding: BASE64\n\nw6l4\nw6l4\n", "éxéx"},
		"base64, odd lines":    {"Content-Transfer-Encoding: base64\n\nw6\nl4w6l4w6l\n4w\n", "éxéxéx"},
		"base64 in pieces":     {"Content-Transfer-Encoding: base64\n\nYQ==Yg==\nY\nw\n", "abc"},
		"ISO-8859-1":           {"Content-Type: text/plain; charset=\"ISO-8859-1\"\nContent-Transfer-Encoding: quoted-printable\n\n=E9\n", "é\n"},
		"ISO-8859-15":          {"Content-Type: text/plain; charset=iso-8859-15\nContent-Transfer-Encoding: quoted-printable\n\n=A4\n", "€\n"},
		"windows-1252":         {"Content-Type: text/plain; charset=windows-1252\nContent-Transfer-Encoding: quoted-printable\n\n=80\n", "€\n"},
		"UTF-16":               {"Content-Type: text/plain; charset=utf-16le\nContent-Transfer-Encoding: base64\n\n" + base64.StdEncoding.EncodeToString([]byte("a\x00\xe9\x00")) + "\n", "aé"},
		"Shift JIS":            {"Content-Type: text/plain; charset=shift_jis\nContent-Transfer-Encoding: quoted-printable\n\n=93=FA\n", "日\n"},
		"UTF-8 called ASCII":   {"Content-Type: text/plain; charset=us-ascii\n\né\n", "é\n"},
		"Latin-1 called ASCII": {"Content-Type: text/plain; charset=us-ascii\n\n\xe9\n", "é\n"},
		"broken UTF-8":         {"Content-Type: text/plain; charset=utf-8\n\n\xe9\xc3\xa9\n", "éÃ©\n"},
		"unknown set":          {"Content-Type: text/plain; charset=x-none\n\n\xe9\n", "é\n"},
		"invisible":            {"\na\u200bb\u00adc\x00d\u2028e\u00a0f\rg\vh\n", "abcd\ne f\ng\nh\n"},
		"our own mark":         {"\na\x01b\n", "ab\n"},
		"RFC 2231":             {"Content-Type: text/plain; charset*=utf-8''iso%2D8859-15\n\n\xa4\n", "€\n"},
		"folded type":          {"Content-Type: text/plain;\n\tcharset=iso-8859-1\n\n\xe9\n", "é\n"},
		"not a type":           {"Content-Type: text\n\nabc\n", "abc\n"},
		"other text":           {"Content-Type: text/x-any\n\nabc\n", "abc\n"},
		"attachment alone":     {"Content-Type: text/plain\nContent-Disposition: attachment\n\nabc\n", "abc\n"},
	} {
		t.Run(name, func(t *testing.T) {
			list, unread := pieces(t, c.content)
			if len(list) != 1 || list[0] != c.want || unread != "" {
				t.Errorf("%q, want %q; unread %q", list, c.want, unread)
			}
		})
	}
}

const two = "Content-Type: multipart/mixed; boundary=b\n\n"

func TestPartsAreFound(t *testing.T) {
	for name, c := range map[string]struct {
		content string
		want    []string
	}{
		"alternatives":      {"Content-Type: multipart/alternative; boundary=\"b b\"\n\npreamble\n--b b\n\nplain\n--b b\nContent-Type: text/html\n\n<p>html\n--b b--\nepilogue\n", []string{"plain\n", "html\n"}},
		"nested":            {two + "--b\nContent-Type: multipart/alternative; boundary=c\n\n--c\n\none\n--c--\n--b\n\ntwo\n--b--\n", []string{"one\n", "two\n"}},
		"an outer boundary": {two + "--b\nContent-Type: multipart/alternative; boundary=c\n\n--c\n\none\n--b\n\ntwo\n", []string{"one\n", "two\n"}},
		"attachments":       {two + "--b\nContent-Type: application/pdf\n\n%PDF\n--bx\n--b\nContent-Type: text/plain\nContent-Disposition: ATTACHMENT; filename=x\n\nno\n--b\nContent-Type: text/csv\n\nno\n--b\n\nyes\n", []string{"yes\n"}},
		"attached message":  {two + "--b\nContent-Type: message/rfc822\n\nFrom: a@b.example\nContent-Type: text/html\n\n<p>inner\n--b\n\nouter\n", []string{"h q From: a@b.example\nContent-Type: text/html\n", "q inner\n", "outer\n"}},
		"an attached multipart": {two + "--b\nContent-Type: message/rfc822\n\nContent-Type: multipart/mixed; boundary=c\n\n--c\n\ninner\n--c--\n--b\n\nouter\n",
			[]string{"h q Content-Type: multipart/mixed; boundary=c\n", "q inner\n", "outer\n"}},
		"encoded message":    {two + "--b\nContent-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\nRnJvbTogYUBi\n--b\n\nouter\n", []string{"outer\n"}},
		"header of a bounce": {two + "--b\nContent-Type: text/rfc822-headers\n\nFrom: a@b.example\n--b--\n", []string{"h q From: a@b.example\n"}},
		"no empty line":      {two + "--b\nContent-Type: text/plain\n--b\n\ntwo\n", []string{"two\n"}},
		"no multipart":       {"Content-Type: application/pdf\n\n%PDF\n", nil},
		"no boundary":        {"Content-Type: multipart/mixed\n\nabc\n", nil},
	} {
		t.Run(name, func(t *testing.T) {
			list, unread := pieces(t, c.content)
			if strings.Join(list, "|") != strings.Join(c.want, "|") || unread != "" {
				t.Errorf("%q, want %q; unread %q", list, c.want, unread)
			}
		})
	}
}

func TestLimitsAreSaid(t *testing.T) {
	for name, c := range map[string]struct {
		content string
		octets  int
	}{
		"text":          {"\n" + strings.Repeat("abc abc\n", MaxOctets/8+1), MaxOctets},
		"one long line": {"\n" + strings.Repeat("a", MaxOctets+1), MaxOctets},
		"base64":        {"Content-Transfer-Encoding: base64\n\n" + strings.Repeat("YWJj\n", MaxOctets/3+1), MaxOctets},
		"parts":         {two + strings.Repeat("--b\n\nx\n", maxParts+1), 2 * maxParts},
		"depth":         {"Content-Type: multipart/mixed; boundary=\"x 1\"\n\n" + deep(70), 0},
		"all parts":     {two + strings.Repeat("--b\nContent-Type: image/png\n\nx\n", maxSections+1), 0},
		"empty parts":   {two + strings.Repeat("--b\n\n", maxSections+1), 0},
		"part headers":  {two + strings.Repeat("--b\nX: "+strings.Repeat("y", 990)+"\n\n", maxHeaders/990), 0},
		"long fields":   {two + "--b\nX: " + strings.Repeat("y", maxHeaders), 0},
		"dashes":        {two + "--b\nContent-Type: image/png\n\n" + strings.Repeat("--x\n", maxLooks/(lookCost+1)+1), 0},
		"dashes, text":  {two + "--b\n\nabc\n--b\nContent-Type: image/png\n\n" + strings.Repeat("--x\n", maxLooks/(lookCost+1)+1), 4},
		"headers":       {two + "--b\nContent-Type: message/rfc822\n\n" + strings.Repeat("X: y\n", MaxOctets/5+1), 0},
	} {
		octets := 0
		unread := Each(message(t, c.content), func(p Part) { octets += len(p.Text) })
		if unread == "" || octets != c.octets {
			t.Errorf("%s: %d octets, unread %q", name, octets, unread)
		}
	}
	if _, unread := pieces(t, two+"--b\n\nx\n--b\nContent-Type: image/png\nContent-Transfer-Encoding: base64\n\n"+strings.Repeat(strings.Repeat("A", 76)+"\n", 20000)); unread != "" {
		t.Errorf("an attachment counts: %q", unread)
	}
}

// What is cut at the limit is cut between two characters: it is UTF-8 still.
func TestTheLimitCutsNoCharacter(t *testing.T) {
	for _, encoding := range []string{"8bit", "base64"} {
		for shift := range 4 {
			text := strings.Repeat("a", shift) + strings.Repeat("\U0001d400", MaxOctets/4)
			if encoding == "base64" {
				text = base64.StdEncoding.EncodeToString([]byte(text))
			}
			list, unread := pieces(t, "Content-Transfer-Encoding: "+encoding+"\n\n"+text+"aaaa\n")
			if len(list) != 1 || len(list[0]) < MaxOctets-4 || strings.Trim(list[0], "a\U0001d400") != "" || unread == "" {
				t.Errorf("%s, %d: %d pieces, unread %q", encoding, shift, len(list), unread)
			}
		}
	}
}

func deep(n int) string {
	var b strings.Builder
	for i := 1; i < n; i++ {
		b.WriteString("--x " + strings.Repeat("1", i) + "\nContent-Type: multipart/mixed; boundary=\"x " + strings.Repeat("1", i+1) + "\"\n\n")
	}
	return b.String()
}

// What stands behind a piece of a line is no boundary, whatever it begins with.
func TestABoundaryStandsAtTheStartOfALine(t *testing.T) {
	long := strings.Repeat("a", blockOctets)
	list, _ := pieces(t, two+"--b\n\n"+long+"--b\n"+long+"--b--\nend\n--b--\n")
	if want := long + "--b\n" + long + "--b--\nend\n"; len(list) != 1 || list[0] != want {
		t.Errorf("%d parts, %d octets, want %d", len(list), len(list[0]), len(want))
	}
}

// A line longer than the block comes in pieces, and none of it is lost.
func TestLongLinesAreWhole(t *testing.T) {
	for n := blockOctets - 5; n < blockOctets+5; n++ {
		want := strings.Repeat("a", n) + "é" + strings.Repeat("b", n)
		for encoding, line := range map[string]string{"8bit": want, "quoted-printable": strings.ReplaceAll(want, "é", "=C3=A9"), "base64": base64.StdEncoding.EncodeToString([]byte(want))} {
			list, _ := pieces(t, two+"--b\nContent-Transfer-Encoding: "+encoding+"\n\n"+line+"\n--b--\n")
			if len(list) != 1 || strings.TrimSuffix(list[0], "\n") != want {
				t.Errorf("%s: %d octets, want %d", encoding, len(list[0]), len(want))
			}
		}
	}
}

func TestHTMLBecomesLines(t *testing.T) {
	for html, want := range map[string]string{
		"a<br>b<p>c</p>d":      "a\nb\nc\nd\n",
		"a  \n b":              "a b\n",
		"a<b>b</b>c":           "abc\n",
		"<td>a</td><td>b</td>": "a b\n",
		"<blockquote>a<blockquote>b</blockquote>c</blockquote>d": "> a\n> > b\n> c\nd\n",
		"<pre>a\n\n b</pre>":                                    "a\n\nb\n",
		"a&lt;b&#62;&#x40;&amp;&eacute;&unknown;&;&":            "a<b>@&é&unknown;&&\n",
		"a&#1;b&#0;c&zwnj;d&#xD800;e":                           "abcd&#xD800;e\n",
		"<style>x</style>a<script>y</script>b<title>z</title>":  "ab\n",
		"<STYLE >x</Style >a":                                   "a\n",
		"<style>a":                                              "a\n",
		"a<!-- x -->b<!-->c<!--->d<!--x--!>e":                   "abcde\n",
		"a<!-- x":                                               "a x\n",
		"<!--[if mso]>a<![endif]-->b<![if !mso]>c<![endif]>":    "abc\n",
		"1 < 2 <3> <":                                           "1 < 2 <3> <\n",
		"<a title=\"x>y\">a</a>":                                "a\n",
		"<a x=\"p>b\" c":                                        "b\" c\n",
		"<a title=\"x>a":                                        "a\n",
		"<a x=\"p><b y='q>r'>s\"":                               "r'>s\"\n",
		"<a href=\"MAILTO:x@y.example?s\">N</a>!":               "N <x@y.example>!\n",
		"<a href=mailto:x@y.example>x@y.example</a>":            "x@y.example\n",
		"<a href='https://x.example/?mailto'>N</a>":             "N\n",
		"a<span style='DISPLAY : none'>b<span>c</span></span>d": "ad\nbc\n",
		"a<i style='font-size:0.9em'>b</i>":                     "ab\n",
		"<div class=gmail_attr>a</div>b":                        "\x01a\nb\n",
		"<?xml version=1?><!DOCTYPE html>a":                     "a\n",
	} {
		if got := string(appendHTML(nil, []byte(html))); got != want {
			t.Errorf("%q: %q, want %q", html, got, want)
		}
	}
}

func FuzzEach(f *testing.F) {
	f.Add([]byte(two + "--b\nContent-Type: text/html\nContent-Transfer-Encoding: quoted-printable\n\n<p>=\nx\n--b--\n"))
	f.Add([]byte(two + "--b\nContent-Type: message/rfc822\n\nFrom: a@b.example\n\nx\n--b--\n"))
	f.Fuzz(func(t *testing.T, content []byte) {
		m, err := mail.ParseMessage(bytes.NewReader(content), int64(len(content)))
		if err != nil {
			t.Skip()
		}
		Each(m, func(p Part) { checkText(t, p.Text) })
	})
}

// checkText says what is true of all text that is given.
func checkText(t *testing.T, b []byte) {
	t.Helper()
	if !utf8.Valid(b) {
		t.Errorf("no UTF-8: %q", b)
	}
	for _, r := range string(b) {
		if mail.Invisible(r) && r != Mark || r == '\r' || r == '\v' {
			t.Errorf("%q in %q", r, b)
		}
	}
}

func FuzzHTML(f *testing.F) {
	f.Add([]byte("<div style='display:none'>x</div><!-- y --><a href=\"mailto:a@b\">z</a>&amp;<pre>\n</pre><blockquote>"))
	f.Fuzz(func(t *testing.T, in []byte) {
		in = clean(utf8Text("", in))
		checkText(t, in)
		checkText(t, appendHTML(nil, in))
	})
}

func FuzzContentType(f *testing.F) {
	f.Add([]byte(" text/plain; charset=\"utf-8\"; boundary*0=a; boundary*1=b"))
	f.Fuzz(func(t *testing.T, value []byte) {
		v := parseValue(value)
		if bytes.ContainsAny(v.kind, ";\r\n") && bytes.IndexByte(bytes.TrimSpace(v.kind), ';') >= 0 {
			t.Errorf("kind %q", v.kind)
		}
	})
}
