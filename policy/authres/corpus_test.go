package authres

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"mxgate/policy/corpustest"
	"mxgate/policy/mail"
	"mxgate/policy/provider"
	"mxgate/policy/received"
)

// corpusCase is one line of authres/cases.jsonl.
type corpusCase struct {
	Source, Parse, Value, Canonical string
	ID                              string `json:"authserv_id"`
	Results                         []struct {
		Type, Value string
		Props       map[string]string
	}
	Element string // one element of a value, of another source
	Fields  map[string]string
}

// corpusArgued lists values that the corpus reads and Parse does not.
var corpusArgued = map[string]string{
	"test.example.com foo;": "RFC 8601, Section 2.2: behind the authserv-id stands a version of digits or a semicolon; no writer is known that puts a word there, and what it means is anybody's guess",
	"test.example.com foo ": "the same",
	"Authentication-Results: foo.example.net (foobar) 1 (baz);\n           dkim (Because I like it) / 1 (One yay) = (wait for it) fail\n\n             policy (A dot can go here) . (like that) expired\n             (this surprised me) = (as I wasn't expecting it) 1362471462": "RFC 5322, Section 2.1: an empty line ends the header section, so no value holds one; TestParse reads the same comments without it",
}

func TestCorpus(t *testing.T) {
	file, err := os.Open(corpustest.Path(t, "authres/cases.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	passed, total, argued := 0, 0, 0
	for lines := bufio.NewScanner(file); lines.Scan(); {
		var tc corpusCase
		if err := json.Unmarshal(lines.Bytes(), &tc); err != nil {
			t.Fatal(err)
		}
		total++
		wrong := tc.check()
		switch reason := corpusArgued[tc.Value]; {
		case wrong == "" && reason != "":
			t.Errorf("%q passes and is listed: %s", tc.Value, reason)
		case wrong == "":
			passed++
		case reason != "":
			argued++
		default:
			t.Errorf("%s: %q: %s", tc.Source, tc.Value+tc.Element, wrong)
		}
	}
	t.Logf("suite: Authentication-Results, parsing | passed %d | of %d | argued %d", passed, total, argued)
}

// check returns what is wrong with our reading of the case, or "".
func (tc corpusCase) check() string {
	if tc.Element != "" {
		return tc.checkElement()
	}
	f, err := Parse(strings.TrimPrefix(tc.Value, "Authentication-Results: "))
	switch {
	case (err == nil) != (tc.Parse == "ok"):
		return fmt.Sprintf("parsed with error %v", err)
	case err != nil:
		return ""
	case tc.ID != "" && f.ID != tc.ID:
		return "authserv-id " + f.ID
	case tc.Canonical != "" && !tc.sameAsCanonical(f):
		return fmt.Sprintf("%+v is not what %q says", f, tc.Canonical)
	case tc.Results != nil && len(f.Methods) != len(tc.Results):
		return fmt.Sprintf("%d methods", len(f.Methods))
	}
	for i, want := range tc.Results {
		got := f.Methods[i]
		if !strings.EqualFold(got.Name, want.Type) || string(got.Status) != want.Value {
			return fmt.Sprintf("method %+v", got)
		}
		values := []string{got.Reason}
		for _, p := range got.Properties {
			values = append(values, p.Value)
		}
		for name, value := range want.Props {
			if !slices.Contains(values, value) {
				return fmt.Sprintf("no %s in %+v", name, got)
			}
		}
	}
	return ""
}

// sameAsCanonical compares f with the canonical form of the case, which is that
// of a whole value, of its first method, or of one property in it.
func (tc corpusCase) sameAsCanonical(f Field) bool {
	canonical := strings.ReplaceAll(tc.Canonical, `=""`, "=") // its way to write that there is no result
	if whole, err := Parse(canonical); err == nil && whole.ID != "" {
		return whole.ID == f.ID && whole.Version == f.Version && reflect.DeepEqual(whole.Methods, f.Methods)
	}
	if method, err := Parse("x; " + canonical); err == nil && reflect.DeepEqual(method.Methods, f.Methods) {
		return true
	}
	part, err := Parse("x; m=r " + canonical)
	if err != nil || len(part.Methods[0].Properties) != 1 {
		return false
	}
	return slices.ContainsFunc(f.Methods, func(m Method) bool { return slices.Contains(m.Properties, part.Methods[0].Properties[0]) })
}

// checkElement compares an element, read as a value without authserv-id.
func (tc corpusCase) checkElement() string {
	f, err := Parse(tc.Element)
	if err != nil || len(f.Methods) != len(tc.Fields) {
		return fmt.Sprintf("%+v, %v", f, err)
	}
	for name, value := range tc.Fields {
		if m, ok := f.Sole(name); !ok || string(m.Status) != value {
			return fmt.Sprintf("%s is %+v", name, m)
		}
	}
	return ""
}

// microsoftArgued lists messages in which no field can be trusted, because
// received.Walk knows no border: SMTP-DUTIES B5.
var microsoftArgued = map[string]string{
	"sample-392.eml":  "handed to the mailbox by another host, whose hops are the newest",
	"sample-404.eml":  "handed to the mailbox by another host, whose hops are the newest",
	"sample-3264.eml": "the addresses were made anonymous, so that the border shows none",
	"sample-3818.eml": "the addresses were made anonymous, so that the border shows none",
	"sample-4202.eml": "the addresses were made anonymous, so that the border shows none",
	"sample-5260.eml": "the addresses were made anonymous, so that the border shows none",
}

// microsoftRow is a header section that went through Microsoft 365, and what
// Microsoft found.
type microsoftRow struct {
	ID      string
	Headers [][2]string
	Truth   struct {
		SPF, DKIM, DMARC, Compauth, Reason, MailFrom string
		HeaderFrom                                   string `json:"header_from"`
		HeaderD                                      string `json:"header_d"`
		DMARCAction                                  string `json:"dmarc_action"`
		SenderIP                                     string `json:"sender_ip"`
	}
}

func microsoftRows(tb testing.TB) []microsoftRow {
	tb.Helper()
	file, err := os.Open(corpustest.Path(tb, "mail/phish-headers-only.jsonl.gz"))
	if err != nil {
		tb.Fatal(err)
	}
	defer file.Close()
	z, err := gzip.NewReader(file)
	if err != nil {
		tb.Fatal(err)
	}
	var rows []microsoftRow
	lines := bufio.NewScanner(z)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var row microsoftRow
		if err := json.Unmarshal(lines.Bytes(), &row); err != nil {
			tb.Fatal(err)
		}
		rows = append(rows, row)
	}
	return rows
}

// The fields that Microsoft wrote are found above the border that
// received.Walk finds, and say what Microsoft found. What a client has put on
// top of its message or further down, in Microsoft's own form, changes nothing.
func TestTrustedFindsWhatMicrosoftWrote(t *testing.T) {
	entry, ok := provider.Lookup("microsoft365")
	if !ok {
		t.Fatal("microsoft365 is not in the catalogue")
	}
	border := received.Boundary{Ingress: entry.Ingress, Inner: entry.Inner, ReceivedBy: entry.ReceivedBySuffixes, Chained: entry.IngressChained}
	trusted := func(m *mail.Message) ([]Field, int) {
		hops := received.Hops(m)
		at := originField(received.Walk(hops, border, hops[0].Time))
		return Trusted(m, at, entry.AuthservIDs), at
	}
	const forged = "spf=pass (sender IP is 192.0.2.66) smtp.mailfrom=bank.example; dkim=pass (signature was verified) header.d=bank.example;dmarc=pass action=none header.from=bank.example;compauth=pass reason=100"
	passed, total, argued := 0, 0, 0
	for _, row := range microsoftRows(t) {
		total++
		fields, at := trusted(row.message(t, -1, ""))
		wrong := row.check(fields)
		for below := at + 1; at >= 0 && below <= len(row.Headers) && wrong == ""; below++ {
			if planted, _ := trusted(row.message(t, below, forged)); !reflect.DeepEqual(planted, fields) {
				wrong = fmt.Sprintf("a forged field at %d makes it %+v", below, planted)
			}
		}
		switch reason := microsoftArgued[row.ID]; {
		case wrong == "" && reason != "":
			t.Errorf("%s passes and is listed: %s", row.ID, reason)
		case wrong == "":
			passed++
		case reason != "":
			argued++
		default:
			t.Errorf("%s: %s", row.ID, wrong)
		}
	}
	t.Logf("suite: Authentication-Results, written by Microsoft 365 | passed %d | of %d | argued %d", passed, total, argued)
}

// originField is the border for Trusted: none without an origin.
func originField(o received.Origin) int {
	if !o.IP.IsValid() {
		return -1
	}
	return o.Field
}

// message returns the header section as a message, with a forged field before
// field at.
func (row microsoftRow) message(t *testing.T, at int, forged string) *mail.Message {
	t.Helper()
	var text bytes.Buffer
	for i, h := range row.Headers {
		if i == at {
			fmt.Fprintf(&text, "Authentication-Results: %s\r\n", forged)
		}
		fmt.Fprintf(&text, "%s: %s\r\n", h[0], h[1])
	}
	if at == len(row.Headers) {
		fmt.Fprintf(&text, "Authentication-Results: %s\r\n", forged)
	}
	text.WriteString("\r\n")
	m, err := mail.ParseMessage(bytes.NewReader(text.Bytes()), int64(text.Len()))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// check returns how fields differ from the truth, or "".
func (row microsoftRow) check(fields []Field) string {
	if len(fields) != 1 {
		return fmt.Sprintf("%d fields", len(fields))
	}
	f := fields[0]
	property := func(m Method, typ, name string) string {
		for _, p := range m.Properties {
			if p.Type == typ && p.Name == name {
				return p.Value
			}
		}
		return ""
	}
	status := func(name string) (Method, string) {
		m, _ := f.Sole(name)
		return m, string(m.Status)
	}
	spf, spfStatus := status("spf")
	dmarc, dmarcStatus := status("dmarc")
	compauth, compauthStatus := status("compauth")
	dkim := Method{}
	for _, m := range f.Methods { // there may be several: the truth has the first
		if m.Name == "dkim" && dkim.Name == "" {
			dkim = m
		}
	}
	for what, pair := range map[string][2]string{
		"spf":           {spfStatus, row.Truth.SPF},
		"dmarc":         {dmarcStatus, row.Truth.DMARC},
		"compauth":      {compauthStatus, row.Truth.Compauth},
		"dkim":          {string(dkim.Status), row.Truth.DKIM},
		"reason":        {compauth.Reason, row.Truth.Reason},
		"smtp.mailfrom": {property(spf, "smtp", "mailfrom"), row.Truth.MailFrom},
		"header.from":   {property(dmarc, "header", "from"), row.Truth.HeaderFrom},
		"header.d":      {property(dkim, "header", "d"), row.Truth.HeaderD},
		"action":        {property(dmarc, "", "action"), row.Truth.DMARCAction},
		"sender IP":     {strings.TrimPrefix(spf.Comment, "sender IP is "), row.Truth.SenderIP},
	} {
		if pair[0] != pair[1] {
			return fmt.Sprintf("%s %q, want %q", what, pair[0], pair[1])
		}
	}
	return ""
}
