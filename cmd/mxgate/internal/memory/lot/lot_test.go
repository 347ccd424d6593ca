package lot

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf16"
)

// told writes a list as one text: domain, day, note, line.
func told(l *List) string {
	var all []string
	for _, e := range l.Entries {
		since := "-"
		if !e.Since.IsZero() {
			since = e.Since.Format(time.DateOnly)
		}
		all = append(all, fmt.Sprintf("%s %s %q %d", e.Domain, since, e.Note, e.Line))
	}
	return strings.Join(all, "; ")
}

func TestTablesAreReadAsPeopleHaveThem(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"a bare list":              {"partner.example\nother.example\n", `partner.example - "" 1; other.example - "" 2`},
		"a heading and commas":     {"Vendor,Domain,Since\nPartner Ltd,partner.example,2019-03-01\n", `partner.example 2019-03-01 "Partner Ltd" 2`},
		"semicolons and quotes":    {"name;e-mail;since\n\"Partner; \"\"the\"\" Ltd\";anna@mail.partner.example;1.3.2019\n", `partner.example 2019-03-01 "Partner; \"the\" Ltd" 2`},
		"tabs":                     {"domain\tsince\npartner.example\t2019\n", `partner.example 2019-01-01 "" 2`},
		"a byte order mark":        {"\ufeffdomain\npartner.example\n", `partner.example - "" 2`},
		"no heading, columns":      {"Partner Ltd;partner.example;2020-01-02\n", `partner.example 2020-01-02 "Partner Ltd" 1`},
		"comments and empty lines": {"# ours\n\ndomain\n# more\npartner.example\n", `partner.example - "" 5`},
		"addresses and URLs":       {"<Anna@Partner.Example>\nhttps://www.other.example/about?x=1\nmailto:x@third.example\n*.fourth.example\n", `partner.example - "" 1; other.example - "" 2; third.example - "" 3; fourth.example - "" 4`},
		"IDN":                      {"domain\nbücher.example\n", `xn--bcher-kva.example - "" 2`},
		"each once, the older day": {"domain;since;name\npartner.example;2021;\nwww.partner.example;2019;Partner\n", `partner.example 2019-01-01 "Partner" 2`},
		"Outlook": {"First Name,Last Name,Company,Mailing Street,E-mail Address,E-mail Type,E-mail Display Name,E-mail 2 Address\nAnna,Schmidt,Partner Ltd,\"A Road 1\nTown\",anna@partner.example,SMTP,anna.s@display.example,a@other.example\nBob,,,,/o=ExchangeLabs/ou=x/cn=bob,EX,Bob,\n",
			`partner.example - "Partner Ltd" 2; other.example - "Partner Ltd" 2`},
		"Outlook in German":  {"Vorname;Nachname;Firma;E-Mail-Adresse;E-Mail-Typ\nAnna;Schmidt;Partner GmbH;anna@partner.example;SMTP\n", `partner.example - "Partner GmbH" 2`},
		"Google":             {"Name,Given Name,Organization 1 - Name,E-mail 1 - Label,E-mail 1 - Value\nAnna Schmidt,Anna,,* Work,anna@partner.example ::: anna@other.example\n", `partner.example - "" 2; other.example - "" 2`},
		"a name of a person": {"Name,Given Name,E-mail 1 - Value\nAnna Schmidt,Anna,anna@partner.example\n", `partner.example - "" 2`},
		"websites alone":     {"Company,Website\nPartner,http://partner.example\n", `partner.example - "Partner" 2`},
	} {
		t.Run(name, func(t *testing.T) {
			l, err := ReadCSV(strings.NewReader(c.text))
			if err != nil {
				t.Fatal(err)
			}
			if got := told(l); got != c.want || len(l.Troubles) > 0 {
				t.Errorf("got\n%s %v\nwant\n%s", got, l.Troubles, c.want)
			}
		})
	}
}

// Spreadsheets write UTF-16 with a mark, and old programs Windows-1252.
func TestTablesInOtherEncodings(t *testing.T) {
	const text = "name\tdomain\nMüller\tpartner.example\n"
	var little, big, ansi []byte
	for _, u := range utf16.Encode([]rune("\ufeff" + text)) {
		little = append(little, byte(u), byte(u>>8))
		big = append(big, byte(u>>8), byte(u))
	}
	for _, r := range text {
		ansi = append(ansi, byte(r))
	}
	for name, octets := range map[string][]byte{"little": little, "big": big, "ansi": ansi, "cut": little[:len(little)-1]} {
		l, err := ReadCSV(strings.NewReader(string(octets)))
		if err != nil || told(l) != `partner.example - "Müller" 2` {
			t.Errorf("%s: %v, %s", name, err, told(l))
		}
	}
}

func TestWhatCannotBeReadIsNamedWithItsLine(t *testing.T) {
	l, err := ReadCSV(strings.NewReader("domain;since\nnot a domain;\npartner.example;31/3/2024\nother.example;2999\nco.uk;\nfine.example;2020\n;\n"))
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		`2: "not a domain": expected ` + aDomain, `3: "31/3/2024": expected ` + aDay, `4: "2999": expected ` + aDay, `5: "co.uk": expected ` + aDomain,
	}
	var got []string
	for _, x := range l.Troubles {
		got = append(got, x.String())
	}
	if !slices.Equal(got, want) || told(l) != `fine.example 2020-01-01 "" 6` || l.Empty != 1 || l.Rows != 6 {
		t.Errorf("%q, %s, %d of %d empty", got, told(l), l.Empty, l.Rows)
	}
	for text, want := range map[string]string{
		"":                    "it is empty",
		"name,street\nx,y\n":  `1: "name,street": expected a row that names a column domain or e-mail`,
		"a.example,\"b\" c\n": `1: "a.example,\"b\" c": expected each quote closed`,
		"domain\n" + strings.Repeat("a.example,\"b\n", 2*maxOpen): fmt.Sprintf("%d: ", maxOpen+2),
	} {
		if _, err := ReadCSV(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", text, err)
		}
	}
	l, err = ReadCSV(strings.NewReader("domain\n" + strings.Repeat("x\n", maxTroubles+5)))
	if err != nil || len(l.Troubles) != maxTroubles || l.More != 5 {
		t.Errorf("%v: %d troubles, %d more", err, len(l.Troubles), l.More)
	}
}

// One quote that nobody closed must not cost the rows below it.
func TestARowWithAWrongQuoteCostsItself(t *testing.T) {
	for name, c := range map[string]struct{ text, want, trouble string }{
		"open":               {"domain,name\na.example,\"A\nb.example,B\r\nc.example,C\n", `b.example - "B" 3; c.example - "C" 4`, `2: "a.example,\"A"`},
		"open, closed later": {"domain,name\r\na.example,\"A\r\nb.example,\"B\"\r\nc.example,C\r\n", `b.example - "B" 3; c.example - "C" 4`, `2: "a.example,\"A"`},
		"open at the end":    {"domain,name\nb.example,B\nc.example,\"C", `b.example - "B" 2`, `3: "c.example,\"C"`},
		"within a cell":      {"domain,name\na.example,the \"A\"\nb.example,B\n", `b.example - "B" 3`, `2: "a.example,the \"A\""`},
		"behind a cell":      {"domain,name\n# x\n\na.example,\"A\"x\nb.example,B\n", `b.example - "B" 5`, `4: "a.example,\"A\"x"`},
		"over two lines":     {"domain,name\na.example,\"A\n1\"x\nb.example,B\n", `b.example - "B" 4`, `2: "a.example,\"A"`},
	} {
		t.Run(name, func(t *testing.T) {
			l, err := ReadCSV(strings.NewReader(c.text))
			if err != nil {
				t.Fatal(err)
			}
			if got := told(l); got != c.want || len(l.Troubles) == 0 || !strings.HasPrefix(l.Troubles[0].String(), c.trouble+": expected each quote closed") {
				t.Errorf("got %s, %v", got, l.Troubles)
			}
		})
	}
	start := time.Now()
	l, err := ReadCSV(strings.NewReader("domain\nfine.example\n" + strings.Repeat("a.example,the \"A\"\n", 50_000)))
	if err != nil || l.More != 50_000-maxTroubles || time.Since(start) > tooLong {
		t.Errorf("%v, %d more, after %s", err, l.More, time.Since(start))
	}
}

func TestListsAreBounded(t *testing.T) {
	if _, err := ReadCSV(io.LimitReader(endless{}, MaxOctets+1)); !errors.Is(err, ErrTooLong) {
		t.Errorf("octets: %v", err)
	}
	if _, err := ReadCSV(strings.NewReader("domain\n" + strings.Repeat("-\n", MaxRows))); !errors.Is(err, ErrTooLong) {
		t.Errorf("rows: %v", err)
	}
	l := List{Entries: make([]Entry, MaxEntries)}
	if err := l.add("partner.example", time.Time{}, "", 1); !errors.Is(err, ErrTooLong) {
		t.Errorf("domains: %v", err)
	}
	many, err := ReadCSV(strings.NewReader("domain\n\"" + strings.Repeat("a@partner.example;", maxInCell+1) + "\"\n"))
	if err != nil || len(many.Troubles) != 1 {
		t.Errorf("cell: %v, %v", err, many.Troubles)
	}
}

type endless struct{}

func (endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'x'
	}
	return len(p), nil
}

func TestAddressBooksAreRead(t *testing.T) {
	text := "BEGIN:VCARD\r\nVERSION:3.0\r\nN:Schmidt;Anna;;;\r\nORG:Partner\\, Ltd;Sales\r\nEMAIL;TYPE=INTERNET,WORK:anna@partner.ex\r\n ample\r\nitem1.EMAIL;X=\"a:b\";PREF=1:mailto:anna@other.example\r\nPHOTO;ENCODING=b:" + strings.Repeat("QUJD\r\n ", 100) + "\r\nEND:VCARD\r\n" +
		"BEGIN:VCARD\nVERSION:2.1\nEMAIL;INTERNET;ENCODING=QUOTED-PRINTABLE:bob=40third.=\nexample\nEND:VCARD\n" +
		"BEGIN:VCARD\nFN:Nobody\nEND:VCARD\nEMAIL:outside@no.example\nBEGIN:VCARD\nEMAIL:no address\nEMAIL:cut@off.example\n"
	l, err := ReadVCard(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	if got := told(l); got != `partner.example - "Partner, Ltd" 5; other.example - "Partner, Ltd" 7; third.example - "" 112; off.example - "" 121` {
		t.Error(got)
	}
	if l.Rows != 4 || l.Empty != 1 || len(l.Troubles) != 1 || l.Troubles[0].Value != "no address" {
		t.Errorf("%+v", l)
	}
	if _, err := ReadVCard(strings.NewReader("domain\npartner.example\n")); !errors.Is(err, ErrNoList) {
		t.Error(err)
	}
}

// tooLong is far more than reading takes, whatever else the machine does, and much
// less than if each of so many lines cost more than the one before it.
const tooLong = 30 * time.Second

// A line of any length and number of continuations costs time in proportion.
func TestAnUnfoldedLineIsBounded(t *testing.T) {
	text := "BEGIN:VCARD\nEMAIL;ENCODING=QUOTED-PRINTABLE:" + strings.Repeat("x=\n", 2_000_000) + "\nEMAIL:anna@partner.example\nEND:VCARD\n"
	start := time.Now()
	l, err := ReadVCard(strings.NewReader(text))
	if err != nil || told(l) == "" || time.Since(start) > tooLong {
		t.Errorf("%v, %v after %s", l, err, time.Since(start))
	}
	for _, line := range unfolded("X:" + strings.Repeat("y", maxLine) + "\n z\n") {
		if len(line) != maxLine {
			t.Errorf("%d octets", len(line))
		}
	}
}
