package arc

import (
	"strings"
	"testing"

	"mxgate/policy/mail"
)

// rewrite changes the body as a mailing list does.
func rewrite(t testing.TB, raw string) string {
	t.Helper()
	return raw + "-- \r\nlist footer\r\n"
}

func TestOldestPass(t *testing.T) {
	one := chain(t, 1)
	changed := rewrite(t, one)
	unsigned := strings.Replace(one, "Subject: a  text", "Subject: [list] a  text", 1)
	tests := map[string]struct {
		raw  string
		want int
	}{
		"one set":                               {one, 0},
		"two sets, nothing changed":             {sealer{}.add(t, one), 0},
		"the body changed before set 2":         {sealer{}.add(t, changed), 2},
		"and set 3 on top":                      {sealer{}.add(t, sealer{}.add(t, changed)), 2},
		"the body changed before set 3":         {sealer{}.add(t, rewrite(t, chain(t, 2))), 3},
		"a field changed before set 2":          {sealer{}.add(t, unsigned), 2},
		"a second Subject before set 2":         {sealer{names: "From:Subject:Subject"}.add(t, "Subject: upper\r\n"+one), 2},
		"set 1 did not cover From":              {sealer{}.add(t, sealer{names: "To"}.add(t, plain)), 2},
		"set 3 took the text of set 2":          {sealedAfter(t, rewrite(t, one), "list.example", "evil.example"), 2},
		"nobody but set 3 has its text":         {sealer{domain: "evil.example"}.add(t, rewrite(t, sealedBy(t, "list.example", "example.net"))), 3},
		"the message key of set 1 is not there": {sealer{}.add(t, otherMessageKey(t, "nothing.example")), 2},
		"or cannot be asked for":                {sealer{}.add(t, otherMessageKey(t, "slow.example")), 2},
	}
	for name, tc := range tests {
		if got := verify(t, tc.raw); got.Status != mail.Pass || got.OldestPass != tc.want {
			t.Errorf("%s: %s (%s), oldest pass %d, want %d", name, got.Status, got.Why, got.OldestPass, tc.want)
		}
	}
}

// otherMessageKey returns plain with a set whose message signature is of another
// domain than its seal.
func otherMessageKey(t testing.TB, domain string) string {
	t.Helper()
	return sealer{messageDomain: domain}.add(t, plain)
}

// Whom a key that is testing makes doubtful.
func TestTestingKeysAreTold(t *testing.T) {
	for name, tc := range map[string]struct {
		raw  string
		want []bool
	}{
		"nobody":                   {chain(t, 1), []bool{false}},
		"the sealer":               {sealer{domain: "testing.example", messageDomain: "example.net"}.add(t, plain), []bool{true}},
		"of the message signature": {sealer{messageDomain: "testing.example"}.add(t, plain), []bool{true}},
		"the first sealer":         {sealedBy(t, "testing.example", "example.net"), []bool{true, false}},
	} {
		got := verify(t, tc.raw)
		for i, want := range tc.want {
			if got.Status != mail.Pass || got.Sets[i].Testing != want {
				t.Errorf("%s: %+v", name, got)
			}
		}
	}
}
