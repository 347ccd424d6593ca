package config

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"mxgate/policy"
	"mxgate/policy/mail"
	"mxgate/policy/score"
)

const twoGroups = minimal + `
[[group]]
name = "Partner"
domains = ["Partner.example", "partner-group.example"]
[[group]]
name = "Bücher"
domains = ["bücher.de", "buecher.de", "buecher.co.uk"]
`

func TestGroupsHoldRegistrableDomains(t *testing.T) {
	c, err := Parse("c.toml", []byte(twoGroups))
	if err != nil {
		t.Fatal(err)
	}
	want := [][]mail.Domain{{"partner.example", "partner-group.example"}, {"xn--bcher-kva.de", "buecher.de", "buecher.co.uk"}}
	if !slices.EqualFunc(c.Owners, want, slices.Equal) {
		t.Errorf("got %v, want %v", c.Owners, want)
	}
	if w := c.Warnings(time.Now()); len(w) != 0 {
		t.Errorf("warnings: %v", w)
	}
}

func TestWhatIsWrongWithAGroupIsNamed(t *testing.T) {
	for _, x := range []struct {
		name, old, new string
		want           []string
	}{
		{"one domain", `["Partner.example", "partner-group.example"]`, `["partner.example"]`, []string{"group[0].domains", "expected two domains or more"}},
		{"no domain", `domains = ["Partner.example", "partner-group.example"]`, ``, []string{"group[0].domains", "expected two domains or more"}},
		{"no name", `name = "Partner"`, ``, []string{"group[0].name", "missing", "who owns"}},
		{"the same name", `name = "Bücher"`, `name = "Partner"`, []string{"group[1].name", `"Partner"`, "used twice"}},
		{"a domain in two groups", `"buecher.de"`, `"partner.example"`, []string{`group[1].domains[1] = "partner.example"`, `in the group "Partner" already`}},
		{"a domain twice", `"buecher.de"`, `"BÜCHER.de"`, []string{`group[1].domains[1] = "BÜCHER.de"`, "listed twice"}},
		{"a name below a domain", `"buecher.de"`, `"mail.buecher.de"`, []string{`group[1].domains[1] = "mail.buecher.de"`, `"buecher.de"`, "all below it"}},
		{"a public suffix", `"buecher.de"`, `"co.uk"`, []string{`group[1].domains[1] = "co.uk"`, "anybody can register"}},
		{"no domain at all", `"buecher.de"`, `"buecher"`, []string{`group[1].domains[1] = "buecher"`, "expected a domain such as"}},
		{"an address", `"buecher.de"`, `"a@buecher.de"`, []string{`group[1].domains[1]`, "expected a domain such as"}},
	} {
		t.Run(x.name, func(t *testing.T) {
			wantFault(t, parseFaults(t, strings.Replace(twoGroups, x.old, x.new, 1)), x.want...)
		})
	}
}

func TestTheWeightsOfTheOperatorCount(t *testing.T) {
	c, err := Parse("c.toml", []byte(minimal+"[policy.conversation]\nquarantine-at = 120\nunseen = 0\nestablished = -50\n[policy.dispositions]\nimpostor = \"tag\"\n"))
	if err != nil {
		t.Fatal(err)
	}
	w := c.Rules.Weights
	if w.Of(score.QuarantineAt) != 120 || w.Of(score.UnseenDomain) != 0 || w.Of(score.EstablishedDomain) != -50 || w.Of(score.TagAt) != 50 || c.Rules.Dispositions[policy.Impostor] != policy.Tag {
		t.Errorf("got %v, %v", w, c.Rules.Dispositions)
	}
}

func TestWhatIsWrongWithAWeightIsNamed(t *testing.T) {
	for _, x := range []struct {
		name, line string
		want       []string
	}{
		{"a slip", "unsen = 3", []string{"c.toml:11: policy.conversation.unsen = 3", "did you mean unseen?"}},
		{"an underscore", "tag_at = 3", []string{"policy.conversation.tag_at = 3", "did you mean tag-at?"}},
		{"something else", "popularity = 3", []string{"policy.conversation.popularity = 3", "expected one of likeness-80, "}},
		{"too much", "block = 1001", []string{"policy.conversation.block = 1001", "from 0 to 1000"}},
		{"a point that speaks for him", "established = 25", []string{"policy.conversation.established = 25", "from -1000 to 0"}},
		{"a negative factor", "times-site = -1", []string{"policy.conversation.times-site = -1", "from 0 to 1000"}},
		{"a fraction", "unseen = 1.5", []string{"policy.conversation.unseen = 1.5", "whole number", "found a number with a fraction"}},
		{"text", "unseen = \"15\"", []string{`policy.conversation.unseen = "15"`, "whole number without quotes; found text"}},
		{"a tag above what is held", "tag-at = 101", []string{"c.toml:11: policy.conversation.tag-at = 101", "at most quarantine-at (100)"}},
		{"what is held below a tag", "quarantine-at = 40", []string{"c.toml:11: policy.conversation.quarantine-at = 40", "at least tag-at (50)"}},
		{"a log above a tag", "log-at = 60", []string{"c.toml:11: policy.conversation.log-at = 60", "at most tag-at (50)"}},
		{"a tag below a log", "tag-at = 10", []string{"c.toml:11: policy.conversation.tag-at = 10", "at least log-at (20)"}},
		{"everything told", "log-at = 0", []string{"c.toml:11: policy.conversation.log-at = 0", "at least 1"}},
	} {
		t.Run(x.name, func(t *testing.T) {
			wantFault(t, parseFaults(t, minimal+"[policy.conversation]\n"+x.line+"\n"), x.want...)
		})
	}
	wantFault(t, parseFaults(t, "policy = { conversation = 3 }\n"+minimal), "policy.conversation = 3", "a table [policy.conversation]")
}

func TestTheMemoryIsBounded(t *testing.T) {
	for _, x := range []struct{ line, want string }{
		{"message_ids = 9999", "memory.message_ids = 9999: expected a number from 10000 to 50000000"},
		{"conversation_days = 0", "memory.conversation_days = 0: expected a number from 7 to 3650"},
		{"contact_days = -1", "memory.contact_days = -1: expected a number from 30 to 3650"},
		{"enabled = \"no\"", "memory.enabled = \"no\": expected true or false"},
		{"ids = 7", "memory.ids: unknown key"},
	} {
		wantFault(t, parseFaults(t, minimal+"[memory]\n"+x.line+"\n"), x.want)
	}
	c, err := Parse("c.toml", []byte(minimal+"[memory]\nenabled = false\n"))
	if err != nil || c.Memory.Enabled || !strings.Contains(c.Summary(), "remembers nothing") {
		t.Errorf("%v, %+v\n%s", err, c.Memory, c.Summary())
	}
}

func TestWhatIsNotDoneAsWrittenIsWarnedOf(t *testing.T) {
	for _, r := range held {
		c, err := Parse("c.toml", []byte(minimal+fmt.Sprintf("[policy.dispositions]\n%s = \"reject\"\n", r)))
		if err != nil {
			t.Fatal(err)
		}
		if w := c.Warnings(time.Now()); len(w) != 1 || w[0].Line != 11 || !strings.Contains(w[0].Expected, "never refused for a likeness") {
			t.Errorf("%s: %v", r, w)
		}
	}
	c, err := Parse("c.toml", []byte(strings.Replace(twoGroups, "buecher.de", "gmail.com", 1)))
	if err != nil {
		t.Fatal(err)
	}
	if w := c.Warnings(time.Now()); len(w) != 1 || w[0].Key != "group[1].domains[1]" || !strings.Contains(w[0].Expected, "have an account there") {
		t.Errorf("%v", w)
	}
}

func TestFraudThatIsLetInIsWarnedOf(t *testing.T) {
	for _, r := range []policy.Reason{policy.LookalikeDomain, policy.OwnDomainSpoof, policy.StolenThread, policy.ReplyDiversion} {
		w := mustParse(t, minimal+fmt.Sprintf("[policy.dispositions]\n%s = \"relay\"\n", r)).Warnings(time.Now())
		if len(w) != 1 || w[0].Line != 11 || !strings.Contains(w[0].Expected, "without a word to the reader") {
			t.Errorf("%s: %v", r, w)
		}
	}
	if w := mustParse(t, minimal+"[policy.dispositions]\nlookalike = \"tag\"\ndmarc-none-weak = \"relay\"\n").Warnings(time.Now()); len(w) != 0 {
		t.Error(w)
	}
}

func TestALikenessThatCountsMoreTheLessItIsOneIsWarnedOf(t *testing.T) {
	for lines, want := range map[string]string{
		"likeness-80 = 5":                    "likeness-80 = 5: is less than likeness-65 (35)",
		"likeness-35 = 40":                   "likeness-35 = 40: is more than likeness-50 (20)",
		"likeness-50 = 30\nlikeness-65 = 20": "likeness-50 = 30: is more than likeness-65 (20)",
	} {
		c := mustParse(t, minimal+"[policy.conversation]\n"+lines+"\n")
		w := c.Warnings(time.Now())
		if text := (&Error{"c.toml", w}).Error(); len(w) != 1 || !strings.Contains(text, "c.toml:11: policy.conversation."+want) {
			t.Errorf("%s: %s", lines, text)
		}
	}
}

func TestTheSummaryTellsGroupsAndWhatIsNotAsByDefault(t *testing.T) {
	if s := mustParse(t, minimal).Summary(); strings.Contains(s, "one owner") || strings.Contains(s, "by default") {
		t.Error(s)
	}
	s := mustParse(t, twoGroups+"[policy.dispositions]\nlookalike = \"tag\"\nimpostor = \"quarantine\"\n[policy.conversation]\nunseen = 0\ntag-at = 60\nlog-at = 20\n").Summary()
	for _, want := range []string{"  one owner, Partner: Partner.example, partner-group.example\n", "  one owner, Bücher: bücher.de, buecher.de, buecher.co.uk\n",
		"  other dispositions than by default: lookalike tag (quarantine)\n", "  other points than by default: unseen 0 (15), tag-at 60 (50)\n"} {
		if !strings.Contains(s, want) {
			t.Errorf("%s does not say %q", s, want)
		}
	}
}
