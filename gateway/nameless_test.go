package gateway

import (
	"log/slog"
	"strings"
	"testing"

	"mxgate/gateway/smtptest"
	"mxgate/policy/mail"
)

func TestNameless(t *testing.T) {
	mary := mail.Address{Local: "Mary.Major", Domain: "example.com"}
	for in, want := range map[string]string{
		"":           "",
		"no address": "no address",
		"<mary@example.com>: Recipient address rejected": "<*@example.com>: Recipient address rejected",
		"a@b.example,c@d.example; e@f.example":           "*@b.example,*@d.example; *@f.example",
		`<"mary m"@example.com> is "unknown"`:            `<*@example.com> is "unknown"`,
		`to "mary m"@example.com`:                        `to *@example.com`,
		`"no" is said to <mary@example.com>`:             `"no" is said to <*@example.com>`,
		`550 "<\"a @ b\"@example.com>"`:                  `550 "<\*@ *@example.com>"`,
		"<müller+x@example.com>":                         "<*@example.com>",
		"@":                                              "*@",
		"mary.major... User unknown, Mary.Major":         "*... User unknown, *",
		"mary.majors and xmary.major":                    "mary.majors and xmary.major",
		"mary.major":                                     "*",
	} {
		if got := nameless(in, mail.Address{}, mary); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

func FuzzNameless(f *testing.F) {
	f.Add("550 <mary@example.com>: mary unknown", "mary")
	f.Add(`"a"@b "`, "a")
	f.Fuzz(func(t *testing.T, text, local string) {
		got := nameless(text, mail.Address{Local: local})
		if len(got) > 2*len(text)+1 || strings.Count(got, "@") > strings.Count(text, "@") {
			t.Errorf("%q of %q", got, text)
		}
		if isWordByte((local + " ")[0]) && !strings.Contains(local, "@") && local != "" {
			for _, word := range strings.FieldsFunc(got, func(c rune) bool { return c == ' ' }) {
				if word == local {
					t.Errorf("%q has %q", got, local)
				}
			}
		}
	})
}

// What a next hop answers names the mailbox, as a rule with the whole address.
func TestNoLocalPartReachesTheLog(t *testing.T) {
	for _, at := range []struct{ verb, answer string }{
		{"RCPT", "550 5.1.1 <whistleblower@example.com>: Recipient address rejected: User unknown in local recipient table"},
		{"RCPT", "421 4.3.2 <whistleblower@example.com>: not now"},
		{"MAIL", "550 5.7.1 <whistleblower@example.com>: whistleblower may not"},
		{"DATA", "451 4.3.0 whistleblower... later"},
		{smtptest.Dot, "550 5.2.2 whistleblower@example.com is full"},
		{smtptest.Dot, "421 4.3.2 <whistleblower@example.com>: too busy for this one"},
	} {
		t.Run(at.verb, func(t *testing.T) {
			var log output
			g := newStage(t, script{})
			g.end()
			g.over = false
			g.serve(slog.NewTextHandler(&log, nil))
			g.nextHopSaysTo(at.verb, at.answer)
			c := g.dial()
			if _, err := c.deliver(partner, []string{"whistleblower@example.com"}, cleanMail()); err != nil {
				t.Fatal(err)
			}
			c.close()
			g.end()
			if text := log.String(); strings.Contains(strings.ToLower(text), "whistleblower") || !strings.Contains(text, "reply_code=") {
				t.Error(text)
			}
		})
	}
}
