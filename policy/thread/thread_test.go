package thread

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"mxgate/policy/mail"
)

func message(t testing.TB, content string) *mail.Message {
	t.Helper()
	content = strings.ReplaceAll(content, "\n", "\r\n")
	m, err := mail.ParseMessage(strings.NewReader(content), int64(len(content)))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// body reads a message of one part.
func body(t testing.TB, kind, text string) Conversation {
	t.Helper()
	return Read(message(t, "From: a@author.example\nContent-Type: "+kind+"; charset=utf-8\n\n"+text))
}

// told writes parties as "where name <address>".
func told(parties []Party) []string {
	var list []string
	for _, p := range parties {
		address := p.Address.String()
		if p.Address.IsNull() {
			address = string(p.Domain)
		}
		list = append(list, strings.TrimSpace(fmt.Sprintf("%s %s", p.Where, p.Name))+" <"+address+">")
	}
	return list
}

func checkParties(t *testing.T, c Conversation, want ...string) {
	t.Helper()
	if got := told(c.Parties); !slices.Equal(got, want) {
		t.Errorf("parties\n %q, want\n %q", got, want)
	}
}

func TestIDsAreReadAsProgramsWriteThem(t *testing.T) {
	for name, c := range map[string]struct {
		header string
		id     string
		cited  []string
	}{
		"usual":               {"Message-ID: <1@a.example>\nReferences: <2@b.example> <3@c.example>\nIn-Reply-To: <3@c.example>\n", "1@a.example", []string{"2@b.example", "3@c.example"}},
		"folded":              {"Message-ID:\n <1@a.example>\nReferences: <2@b.example>\n\t<3@c.example>\n", "1@a.example", []string{"2@b.example", "3@c.example"}},
		"folded inside":       {"References: <2@\n b.example>\n", "", []string{"2@b.example"}},
		"not separated":       {"References: <2@b.example><3@c.example>,<4@d.example>\n", "", []string{"2@b.example", "3@c.example", "4@d.example"}},
		"words between":       {"In-Reply-To: Message of \"Mon, 3 Mar\" <2@b.example> (by A)\n", "", []string{"2@b.example"}},
		"no brackets":         {"Message-ID: 1@a.example\nIn-Reply-To: 2@b.example\n", "1@a.example", []string{"2@b.example"}},
		"two ids":             {"Message-ID: <1@a.example>\nMessage-ID: <2@a.example>\n", "", nil},
		"the same twice":      {"Message-ID: <1@a.example>\nMessage-Id: <1@a.example>\n", "1@a.example", nil},
		"control inside":      {"Message-ID: <1\x01@a.example>\nReferences: <2\x00@b.example>\n", "", nil},
		"empty":               {"Message-ID: <>\nReferences: <> < >\n", "", nil},
		"an opening too many": {"References: <<2@b.example>\n", "", []string{"2@b.example"}},
		"without end":         {"References: <2@b.example\n", "", nil},
	} {
		t.Run(name, func(t *testing.T) {
			got := Read(message(t, "From: a@author.example\n"+c.header+"\nText\n"))
			if got.ID != c.id || !slices.Equal(got.Cited, c.cited) {
				t.Errorf("id %q, cited %q; want %q, %q", got.ID, got.Cited, c.id, c.cited)
			}
			if got.Reply != (c.cited != nil) {
				t.Errorf("reply %v", got.Reply)
			}
		})
	}
}

func TestOfManyIDsTheFirstAndTheLastFiftyAreKept(t *testing.T) {
	refs := func(n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, "\n <%d@x%d.example>", i, i%7)
		}
		return "References:" + b.String() + "\n"
	}
	if c := Read(message(t, refs(maxCited)+"\nText\n")); len(c.Cited) != maxCited || c.Unread != "" {
		t.Errorf("%d ids that are kept, unread %q", len(c.Cited), c.Unread)
	}
	c := Read(message(t, refs(4000)+"In-Reply-To: <last@y.example>\n\nText\n"))
	if len(c.Cited) != 100 || c.Cited[0] != "0@x0.example" || c.Cited[49] != "49@x0.example" || c.Cited[50] != "3951@x3.example" || c.Cited[99] != "last@y.example" || c.Unread != MoreIDs {
		t.Errorf("%d: %q, unread %q", len(c.Cited), c.Cited, c.Unread)
	}
	if len(c.Parties) != 8 || c.Parties[7].Where != CitedID || c.Parties[7].Domain != "y.example" {
		t.Errorf("parties %q", told(c.Parties))
	}
}

func TestIDsCrowdOutNoOtherParties(t *testing.T) {
	var refs, to, text strings.Builder
	for i := range maxCited {
		fmt.Fprintf(&refs, "\n <%d@x%d.example>", i, i)
		fmt.Fprintf(&to, "a%d@b%d.example,\n ", i, i)
	}
	for i := range 20 {
		fmt.Fprintf(&text, "\nFrom: c%d@d%d.example\nTo: e%d@f%d.example\nSubject: x\n\ny\n", i, i, i, i)
	}
	c := Read(message(t, "References:"+refs.String()+"\nTo: a@b.example\n\nText\n"))
	if n := len(c.Parties); n != maxIDParties+1 || c.Parties[n-1].Where != To || c.Unread != MoreIDs || len(c.Cited) != maxCited {
		t.Errorf("%d ids, parties %q, unread %q", len(c.Cited), told(c.Parties), c.Unread)
	}
	c = Read(message(t, "References:"+refs.String()+"\nTo: "+to.String()+"x@y.example\n\n"+text.String()))
	if n := len(c.Parties); n != MaxParties || c.Parties[n-1].Where != QuotedTo || c.Unread != MoreIDs {
		t.Errorf("parties %q, unread %q", told(c.Parties), c.Unread)
	}
}

func TestSubjectsOfAnswersAreKnown(t *testing.T) {
	for _, s := range []string{"Re: x", "RE: x", "Re : x", "AW: x", "Sv: x", "VS: x", "TR : x", "RV: x", "Fwd: x", "FW: x", "WG: x", "Antw: x", "R: x", "RES: x", "Re[2]: x", "Re(3): x", "Re^2: x", "[list] Re: x",
		"[a] [b] AW: x", "=?utf-8?q?Re=3A_x?=", "=?utf-8?b?5Zue5aSN77yaeA==?=", "R\u200be: x", "Réf : x", "Svar: x", "(Re: x)", "Betr.: AW: x", "[list] (Fwd: x)", "Betreff: Re: x"} {
		if !Read(message(t, "Subject: "+s+"\n\nText\n")).Reply {
			t.Errorf("%q is no reply", s)
		}
	}
	for _, s := range []string{"", "Hello", "Report: x", "Rent: x", "re x", "[list] x", "[list Re: x", "10: Re", "Invoice 4711: Re: x", ":", "Re[x]: y", "Betr.: x", "Betreff: Rechnung", "(x) Re: y", "Betr.: Betr.: Re: x"} {
		if Read(message(t, "Subject: "+s+"\n\nText\n")).Reply {
			t.Errorf("%q is a reply", s)
		}
	}
}

func TestListsSayThatTheyAre(t *testing.T) {
	for _, h := range []string{"List-ID: <a.b.example>", "List-Post: <mailto:a@b.example>", "Precedence: list"} {
		if !Read(message(t, h+"\n\nText\n")).List {
			t.Errorf("%q is no list", h)
		}
	}
	if Read(message(t, "Precedence: bulk\nList-Unsubscribe: <mailto:a@b.example>\n\nText\n")).List {
		t.Error("a bulk mailing is a list")
	}
}

func TestPartiesOfTheHeader(t *testing.T) {
	for name, c := range map[string]struct {
		header string
		want   []string
	}{
		"a plain list":                   {"To: a@b.example, C <d@e.example>\nCc: \"F, G\" <h@i.example>\n", []string{"to <a@b.example>", "to C <d@e.example>", "cc F, G <h@i.example>"}},
		"reply-to":                       {"Reply-To: A <a@b.example>\n", []string{"reply-to A <a@b.example>"}},
		"no repeats":                     {"To: a@b.example, A@B.example\nCc: a@b.example\nCc: a@b.example\n", []string{"to <a@b.example>", "cc <a@b.example>"}},
		"a name comes later":             {"To: a@b.example, A <a@b.example>\n", []string{"to A <a@b.example>"}},
		"encoded name":                   {"To: =?iso-8859-1?q?M=FCller=2C_Eva?= <a@b.example>\n", []string{"to Müller, Eva <a@b.example>"}},
		"a group":                        {"To: Team: a@b.example, C <d@e.example>;, f@g.example\n", []string{"to <a@b.example>", "to C <d@e.example>", "to <f@g.example>"}},
		"an empty group":                 {"To: undisclosed-recipients:;\n", nil},
		"a comment":                      {"To: a@b.example (Eva)\n", []string{"to Eva <a@b.example>"}},
		"unquoted comma":                 {"To: Muster, Max <a@b.example>, C <d@e.example>\n", []string{"to Muster, Max <a@b.example>", "to C <d@e.example>"}},
		"semicolons":                     {"To: Muster, Max <a@b.example>; C <d@e.example>\n", []string{"to Muster, Max <a@b.example>", "to C <d@e.example>"}},
		"an address as name":             {"To: \"x@y.example\" <a@b.example>\n", []string{"to x@y.example <a@b.example>", "to <x@y.example>"}},
		"hidden in a word":               {"To: =?utf-8?q?Eva_=3Ca=40b=2Eexample=3E?=\n", []string{"to Eva <a@b.example>"}},
		"a quote without end":            {"To: O\"Brien <a@b.example>, c@d.example\n", []string{"to OBrien <a@b.example>", "to <c@d.example>"}},
		"a comment without end":          {"To: a@b.example (x, c@d.example\n", []string{"to <a@b.example>", "to <c@d.example>"}},
		"a quoted local part":            {"To: \"a b\"@b.example\n", []string{"to <\"a b\"@b.example>"}},
		"a local part too long":          {"To: " + strings.Repeat("a", 70) + "@b.example\n", []string{"to <b.example>"}},
		"a name that a backslash begins": {"To: \\ \"C, D\" <a@b.example>\n", []string{"to C, D <a@b.example>"}},
		"IDN":                            {"To: a@bücher.example\n", []string{"to <a@xn--bcher-kva.example>"}},
		"one label, a literal":           {"To: a@localhost, b@[192.0.2.1], c@10.0.0.1\n", nil},
		"folded":                         {"To: A\n <a@b.example>,\n\tc@d.example\n", []string{"to A <a@b.example>", "to <c@d.example>"}},
		"zero width":                     {"To: E\u200bva <a@b.example>\n", []string{"to Eva <a@b.example>"}},
		"spaces around the at sign":      {"To: x @ b.example, Eva <y @ c.example>\n", []string{"to <x@b.example>", "to Eva <y@c.example>"}},
		"comments in an address":         {"To: x@(c)b.example, y (c) @ c.example, z(a)@(b)(c)d.example (Eva), Ole <w@(c)e.example(d)>\n", []string{"to <x@b.example>", "to <y@c.example>", "to Eva <z@d.example>", "to Ole <w@e.example>"}},
		"a route":                        {"To: <@route.example:x@b.example>, A <@r.example,@s.example:y@c.example>\n", []string{"to <x@b.example>", "to A <y@c.example>", "to <route.example>", "to <r.example>", "to <s.example>"}},
		"folds in a domain":              {"To: <x@b\n .example>, \"An\n na\" <y@c.\n\texample>\n", []string{"to <x@b.example>", "to An na <y@c.example>"}},
		"quoted pairs":                   {"To: \"E \\\"x\\\" <y@z.example>\" <a@b.example>\n", []string{"to E x <y@z.example> <a@b.example>", "to <y@z.example>"}},
	} {
		t.Run(name, func(t *testing.T) { checkParties(t, Read(message(t, c.header+"\nText\n")), c.want...) })
	}
}

func TestPartiesAreBounded(t *testing.T) {
	var to, text strings.Builder
	for i := range 300 {
		fmt.Fprintf(&to, "a%d@b%d.example,\n ", i, i)
		fmt.Fprintf(&text, "\nFrom: c%d@d%d.example\nTo: e%d@f%d.example\nSubject: x\n\ny\n", i, i, i, i)
	}
	c := Read(message(t, "To: "+to.String()+"x@y.example\n\n"+text.String()))
	if len(c.Parties) != MaxParties || c.Parties[maxHeaderParties-1].Where != To || c.Parties[maxHeaderParties].Where != QuotedFrom || c.Unread == "" {
		t.Errorf("%d parties, %q; unread %q", len(c.Parties), told(c.Parties[58:62]), c.Unread)
	}
}

func TestAttachedMessagesShowParties(t *testing.T) {
	c := Read(message(t, "Content-Type: multipart/mixed; boundary=b\n\n--b\n\nSee below.\n--b\nContent-Type: message/rfc822\n\nFrom: =?utf-8?q?Eva_M=C3=BCller?=\n <eva@b.example>\nTo: c@d.example\nCc: e@f.example\nSubject: x\n\nIBAN NO9386011117947\n--b--\n"))
	checkParties(t, c, "quoted-from Eva Müller <eva@b.example>", "quoted-to <c@d.example>", "quoted-cc <e@f.example>")
	if !c.Reply || len(c.Accounts) != 0 || len(c.QuotedAccounts) != 1 {
		t.Errorf("%+v", c)
	}
}

func TestANameThatIsTheAddressIsNone(t *testing.T) {
	checkParties(t, Read(message(t, "To: \"A@B.example\" <a@b.example>\n\nText\n")), "to <a@b.example>")
}
