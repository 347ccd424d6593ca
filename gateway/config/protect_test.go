package config

import (
	"strings"
	"testing"
	"time"
)

func TestProtectionThatDoesHarmOrNothingIsWarnedOf(t *testing.T) {
	for _, c := range []struct{ name, domains, want string }{
		{"a partner", `"partner.example", "other.example"`, ""},
		{"a brand that signs for others, too", `"google.com"`, ""},
		{"two endings of one name", `"acme-supplies.com", "acme-supplies.de"`, ""},
		{"twice", `"partner.example", "Partner.example"`, "protect.domains[1] = \"Partner.example\": listed twice"},
		{"one of ours", `"example.com"`, "protect.domains[0] = \"example.com\": is yours"},
		{"one below ours", `"mail.example.com"`, "is yours"},
		{"a free mailbox", `"partner.example", "gmail.com"`, "protect.domains[1] = \"gmail.com\": everybody can have a mailbox there"},
		{"a free mailbox in its country", `"web.de"`, "everybody can"},
		{"two that resemble each other", `"acme-supplies.com", "acrne-supplies.com"`, "protect.domains[1] = \"acrne-supplies.com\": resembles acme-supplies.com, which is protected too"},
		{"one that resembles ours", `"exarnple.com"`, "resembles example.com"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := mustParse(t, minimal+"[protect]\ndomains = ["+c.domains+"]\n").Warnings(time.Now())
			text := (&Error{"c.toml", w}).Error()
			if c.want == "" && len(w) > 0 || c.want != "" && (len(w) != 1 || !strings.Contains(text, c.want) || w[0].Line != 11) {
				t.Errorf("got %q, want %q", text, c.want)
			}
		})
	}
	grouped := minimal + "[protect]\ndomains = [\"acme-supplies.com\", \"acrne-supplies.com\"]\n[[group]]\nname = \"Acme\"\ndomains = [\"acme-supplies.com\", \"acrne-supplies.com\"]\n"
	if w := mustParse(t, grouped).Warnings(time.Now()); len(w) > 0 {
		t.Errorf("of one owner: %v", w)
	}
}

func TestTheSummaryCountsProtectedDomainsOnce(t *testing.T) {
	if s := mustParse(t, minimal+"[protect]\ndomains = [\"partner.example\", \"Partner.example\", \"example.com\"]\n").Summary(); !strings.Contains(s, "protects 1 domain of yours, 1 other domain and 0 people") {
		t.Error(s)
	}
}
