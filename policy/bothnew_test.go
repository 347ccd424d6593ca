package policy

import (
	"strings"
	"testing"
)

// A house that writes for the first time, and shows its other name.
func TestAHouseThatIsNewHereMayHaveTwoNames(t *testing.T) {
	quoting := func(domain string) string {
		return strings.ReplaceAll(pasted, "Anna Berg <anna@heise.de>", "Max Muster <max@"+domain+">")
	}
	young := func() *remembering {
		r := correspondence()
		r.since = days(5)
		return r
	}
	known := func(state State) *remembering {
		r := correspondence()
		r.known["muellerbau.de"] = KnownDomain{State: state, First: days(60), Messages: 9}
		return r
	}
	const own = "IBAN " + otherAccount + "\r\n"
	try(t, []tried{
		{"with its account", letter{from: "Eva Muster <eva@mueller-bau.de>", body: own + quoting("muellerbau.de")}, correspondence(), Tag, Impostor},
		{"under the name that is quoted", letter{from: "Max Muster <max@mueller-bau.de>", body: quoting("muellerbau.de")}, correspondence(), Tag, Impostor},
		{"a letter", letter{from: "Eva Muster <eva@mue11erbau.de>", body: own + quoting("muellerbau.de")}, correspondence(), Quarantine, Impostor},
		{"of a house that is known", letter{from: "Eva Muster <eva@mueller-bau.de>", body: own + quoting("muellerbau.de")}, known(Seen), Quarantine, Impostor},
		{"with a memory that is new itself", letter{from: "Eva Muster <eva@mueller-bau.de>", body: own + quoting("muellerbau.de")}, young(), Quarantine, Impostor},
		{"with answers elsewhere", letter{from: "Eva Muster <eva@mueller-bau.de>", replyTo: "eva@mueilerbau.de", body: own + quoting("muellerbau.de")}, correspondence(), Quarantine, Impostor},
	})
}
