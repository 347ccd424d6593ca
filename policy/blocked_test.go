package policy

import (
	"strings"
	"testing"
)

// A domain that an administrator blocked as an imitation of another is one wherever it
// stands, whatever the names are and however long it is known.
func TestABlockedDomainBesideAGenuineAuthor(t *testing.T) {
	blocked := func(on ...Decision) *remembering {
		r := correspondence()
		r.known["unlike.net"] = KnownDomain{Domain: "unlike.net", State: Established, First: days(90)}
		r.on = on
		return r
	}
	word := Decision{Sender: "unlike.net", Target: "heise.de", Who: "eve", Why: "fraud", At: days(1)}
	over, other := word, word
	over.Expires, other.Recipient = days(1), "carol@example.com"
	reply := letter{from: "a@heise.de", cites: stolen, replyTo: "b@unlike.net", body: paying}
	cc := letter{from: "a@heise.de", cites: stolen, cc: "b@unlike.net", body: paying}
	harmless := cc
	harmless.body = ""
	try(t, []tried{
		{"nothing said, Reply-To", reply, blocked(), Relay, Clean},
		{"nothing said, Cc", cc, blocked(), Relay, Clean},
		{"Reply-To", reply, blocked(word), Quarantine, AddedLookalikes},
		{"Cc", cc, blocked(word), Quarantine, AddedLookalikes},
		{"Cc, without payment", harmless, blocked(word), Tag, AddedLookalikes},
		{"over", cc, blocked(over), Relay, Clean},
		{"for another recipient", reply, blocked(other), Relay, Clean},
	})
	e := tell(t, cc, with(blocked(word)))
	if v, want := Decide(&Rules{}, &e), "Among the recipients that the mail shows is a look-alike: unlike.net looks like heise.de (eve blocked it as an imitation)."; !strings.HasPrefix(strings.NewReplacer("‹", "", "›", "").Replace(v.Sentence), want) {
		t.Errorf("%s", v.Sentence)
	}
}
