package thread

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"mxgate/policy/mail"
)

// check says what is true of every Conversation.
func check(t *testing.T, c Conversation) {
	t.Helper()
	if len(c.Cited) > maxCited || len(c.Parties) > MaxParties || len(c.Accounts) > MaxAccounts || len(c.QuotedAccounts) > MaxAccounts {
		t.Errorf("beyond a limit: %+v", c)
	}
	for i, p := range c.Parties {
		d, err := mail.ParseDomain(string(p.Domain))
		if err != nil || d != p.Domain || !p.Address.IsNull() && p.Address.Domain != d || p.Where == "" {
			t.Errorf("party %+v", p)
		}
		if !utf8.ValidString(p.Name) || len(p.Name) > maxName || strings.ContainsFunc(p.Name, mail.Invisible) || strings.ContainsAny(p.Name, "\r\n\t") {
			t.Errorf("name %q", p.Name)
		}
		if strings.ContainsAny(p.Address.Local, "\r\n\x00\x7f") || !utf8.ValidString(p.Address.Local) || len(p.Address.Local) > maxLocal {
			t.Errorf("local part %q", p.Address.Local)
		}
		for _, q := range c.Parties[:i] {
			if q.Where == p.Where && q.Address == p.Address && q.Domain == p.Domain {
				t.Errorf("twice: %+v", p)
			}
		}
	}
	if len(c.Crowd) > MaxCrowd || len(c.Crowd) > 0 && len(c.Parties) < maxHeaderParties {
		t.Errorf("a crowd of %d, unread %q", len(c.Crowd), c.Unread)
	}
	for i, p := range c.Crowd {
		if p.Where != To && p.Where != Cc || p.Domain == "" || !p.Address.IsNull() || slices.ContainsFunc(c.Crowd[:i], func(q Party) bool { return q.Domain == p.Domain }) {
			t.Errorf("in the crowd: %+v", p)
		}
	}
	for _, id := range append(slices.Clone(c.Cited), c.ID) {
		if len(id) > maxID || strings.ContainsAny(id, " \t\r\n\x00<>") {
			t.Errorf("id %q", id)
		}
	}
	for _, iban := range append(slices.Clone(c.Accounts), c.QuotedAccounts...) {
		if mod97([]byte(iban)) != 1 || bbanOf([]byte(iban)) == "" || strings.ToUpper(iban) != iban || strings.Contains(iban, " ") {
			t.Errorf("account %q", iban)
		}
	}
}

func FuzzRead(f *testing.F) {
	for _, content := range benchmarks() {
		f.Add([]byte(content[:min(len(content), 8<<10)]))
	}
	for _, block := range plainBlocks {
		f.Add([]byte("Subject: Re: x\nContent-Type: text/html\n\n" + block))
	}
	for _, content := range hostileTexts(1 << 10) {
		f.Add([]byte(content))
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		m, err := mail.ParseMessage(bytes.NewReader(content), int64(len(content)))
		if err != nil {
			t.Skip()
		}
		c := Read(m)
		check(t, c)
		checkWords(t, PaymentWords(m))
		if again := Read(m); !slices.Equal(told(c.Parties), told(again.Parties)) || c.Unread != again.Unread {
			t.Errorf("read twice, %+v and %+v", c, again)
		}
	})
}

func FuzzLines(f *testing.F) {
	for _, block := range plainBlocks {
		f.Add([]byte(block))
	}
	for _, line := range attributions {
		f.Add([]byte(line + "\n> x"))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var r reader
		text = []byte(strings.ToValidUTF8(string(text), "?"))
		r.lines(text, false)
		for i, s := range r.segs {
			if i == 0 && s.from != 0 || i > 0 && s.from <= r.segs[i-1].from || s.from > len(text) {
				t.Fatalf("segments %v of %d octets", r.segs, len(text))
			}
		}
		checkAccounts(t, &r, text)
		check(t, r.c)
	})
}

func FuzzList(f *testing.F) {
	f.Add("A <a@b.example>, \"C, D\" <e@f.example>; g: h@i.example (x);")
	for _, s := range strangers {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		var r reader
		r.list(s, To)
		check(t, r.c)
	})
}

func FuzzIDs(f *testing.F) {
	f.Add([]byte(" <a@b.example>\r\n\t<c@d.example> x@y.example"))
	f.Fuzz(func(t *testing.T, value []byte) {
		var found cited
		found.read(value)
		check(t, Conversation{Cited: found.list()})
	})
}

func FuzzIBAN(f *testing.F) {
	for _, iban := range ibans {
		f.Add([]byte(iban))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if iban, end, _ := readIBAN(text); end > 0 {
			if end > len(text) || end < len(iban) {
				t.Errorf("%q ends at %d", iban, end)
			}
			check(t, Conversation{Accounts: []string{iban}})
		}
	})
}

func FuzzSubject(f *testing.F) {
	f.Add("[x] Re[2]: y")
	f.Fuzz(func(t *testing.T, s string) {
		if isReply(s) && !isReply("[list] "+s) && !strings.HasPrefix(strings.TrimSpace(strings.Map(shown, s)), "[") && len(s) < 1000 {
			t.Errorf("%q is a reply outside of a list only", s)
		}
	})
}

func FuzzFold(f *testing.F) {
	f.Add([]byte("ＤＥ٣é"))
	f.Fuzz(func(t *testing.T, text []byte) {
		for i, c := range appendFolded(nil, text) {
			if c >= utf8.RuneSelf && c != other {
				t.Errorf("octet %#x at %d", c, i)
			}
		}
	})
}
