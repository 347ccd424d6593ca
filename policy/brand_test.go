package policy

import (
	"testing"

	"mxgate/policy/mail"
)

// Who shows the name of a house whose conversation it is, from another domain, is told.
func TestTheNameOfAHouseInItsConversation(t *testing.T) {
	const thread = "<b1@example.com>"
	role := func(name string) letter {
		return letter{from: name + " <billing@docs-share.com>", cites: thread, body: paying}
	}
	known := func(state State) *remembering {
		return builders(func(r *remembering) { r.known["docs-share.com"] = KnownDomain{State: state, First: days(90)} })
	}
	try(t, []tried{
		{"the house", role("Nordlichtbau Accounts"), builder(), Tag, Impostor},
		{"its words apart", role(`"NORDLICHT BAU GmbH"`), builder(), Tag, Impostor},
		{"without payment", func() letter { l := role("Nordlichtbau Accounts"); l.body = ""; return l }(), builder(), Tag, Impostor},
		{"from a free mailbox", func() letter { l := role("x"); l.from = "Nordlichtbau Accounts <nb77@gmail.com>"; return l }(), builder(), Tag, Impostor},
		{"half of it", role("Nordlicht Accounts"), builder(), Relay, Clean},
		{"in no conversation", letter{from: "Nordlichtbau Accounts <billing@docs-share.com>", body: paying}, builder(), Relay, Clean},
		{"who is known for himself", role("Nordlichtbau Accounts"), known(Established), Relay, Clean},
		{"a house of five letters", letter{from: "Heise Accounts <billing@docs-share.com>", cites: stolen, body: paying}, builder(), Relay, Clean},
		{"a name that resembles it, which is its own", letter{from: "Nordlichtbau Group <bea@nordlichtbau-group.de>", cites: thread, body: ""}, builder(), Quarantine, StolenThread},
		{"another ending, which has the name by right", letter{from: "Nordlichtbau AT <bea@nordlichtbau.at>", cites: thread, body: ""}, builder(), Tag, Impostor},
		{"ours", letter{from: "Example Accounts <billing@docs-share.com>", cites: thread, body: paying}, builder(), Relay, Clean},
		{"a mailing list", func() letter {
			l := role("Nordlichtbau Accounts")
			l.body, l.to, l.list = "", "l@docs-share.com", "<l.docs-share.com>"
			return l
		}(), builder(), Relay, Clean},
	})
	e := tell(t, role("Nordlichtbau Group"), func(col *Collector) {
		col.Memory, col.Groups = builder(), [][]mail.Domain{{"docs-share.com", "nordlichtbau.de"}}
	})
	if len(e.Thread.Named) > 0 {
		t.Errorf("of one owner: %+v", e.Thread.Named)
	}
}
