package thread

import (
	"fmt"
	"strings"
	"testing"

	"mxgate/policy/mail"
)

// The domains of recipients for whom there is no room are kept.
func TestACrowdHidesNobody(t *testing.T) {
	many := func(n int, format string) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, format+", ", i)
		}
		return b.String()
	}
	for _, c := range []struct {
		name, to, cc string
		crowd        int
		unread       string
	}{
		{"few", many(20, "a@pad%d.net"), "b@last.de", 0, ""},
		{"of as many domains", many(200, "a@pad%d.net"), "b@last.de", 141, ""},
		{"of one domain", many(200, "a%d@pad.net"), "b@last.de", 1, ""},
		{"those of To again", many(60, "a@pad%d.net"), many(60, "b@pad%d.net") + "b@last.de", 1, ""},
		{"more than are kept", many(500, "a@p%d.net"), "", MaxCrowd, MoreRecipients},
		{"more than are read", many(600, "a%d@p.net"), "b@last.de", 1, MoreRecipients},
		{"longer than is read", many(200, strings.Repeat("x", 100)+" <a%d@p.net>"), "b@last.de", 1, MoreRecipients},
		{"quoted, and more than are kept", "", "b@last.de", 0, "more addresses than are kept"},
	} {
		body := "x\r\n"
		if strings.HasPrefix(c.name, "quoted") {
			for i := range 20 {
				body += "\r\nFrom: a@b" + fmt.Sprint(i) + ".net\r\nSent: Friday, 20 November 2026 10:00\r\nTo: " + many(9, "c"+fmt.Sprint(i)+"@d%d.net") + "\r\nSubject: x\r\n"
			}
		}
		content := "To: " + c.to + "\r\nCc: " + c.cc + "\r\n\r\n" + body
		m, err := mail.ParseMessage(strings.NewReader(content), int64(len(content)))
		if err != nil {
			t.Fatal(err)
		}
		got := Read(m)
		check(t, got)
		if len(got.Crowd) != c.crowd || got.Unread != c.unread {
			t.Errorf("%s: a crowd of %d, unread %q", c.name, len(got.Crowd), got.Unread)
		}
		if c.crowd > 0 && c.crowd < MaxCrowd {
			if last := got.Crowd[len(got.Crowd)-1]; last.Domain != "last.de" || last.Where != Cc {
				t.Errorf("%s: the last is %+v", c.name, last)
			}
		}
	}
}
