package sig

import (
	"slices"
	"strings"
	"testing"
	"time"

	"mxgate/policy/mail"
)

// readAll takes all steps.
func readAll(raw string, now time.Time) *Signature {
	s := Parse([]byte(raw))
	s.Require("a", "b", "bh", "d", "h", "s")
	s.CheckNames()
	s.ReadNames()
	s.CheckTimes(now)
	s.ReadAlgorithm()
	s.ReadCanon()
	s.ReadBodyHash()
	s.ReadOctets()
	return s
}

const sound = "X: a=rsa-sha256; c=relaxed; d=Example.com; s=sel; h= From : To:\r\n\tsubject::from; bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=; t=1000; x=2000; b=QUJD\r\n\tRA==\r\n"

func TestASignatureIsRead(t *testing.T) {
	s := readAll(sound, time.Unix(1500, 0))
	if s.Refused != "" || s.Domain != "example.com" || s.KeyName() != "sel._domainkey.example.com" || s.Algorithm != "rsa-sha256" || s.KeyType != "rsa" ||
		s.HeaderCanon != Relaxed || s.BodyCanon != Simple || strings.Join(s.Names, " ") != "from to subject from" ||
		len(s.BodyHash) != 32 || string(s.Octets) != "ABCD" || s.Prefix() != "QUJDRA==" {
		t.Errorf("%+v", s)
	}
}

func TestTheFirstReasonStays(t *testing.T) {
	s := readAll("X: a=rsa-sha1; d=-; h=To", time.Unix(0, 0))
	if s.Refused != mail.PermError || s.Why != "the signature has no b=" {
		t.Errorf("%s: %s", s.Refused, s.Why)
	}
}

func TestNamesOfFieldsAreCountedNotCollected(t *testing.T) {
	s := Parse([]byte("X: h=from" + strings.Repeat(":to", 99)))
	if s.ReadNames(); s.Refused != "" || len(s.Names) != maxNames {
		t.Errorf("%d names: %s", len(s.Names), s.Why)
	}
	s = Parse([]byte("X: h=from" + strings.Repeat(":to", 30_000)))
	if s.ReadNames(); s.Refused != mail.PermError || len(s.Names) != maxNames {
		t.Errorf("%d names: %s", len(s.Names), s.Why)
	}
}

func TestTimesOfASignature(t *testing.T) {
	tests := []struct {
		now int64
		ok  bool
	}{{1000, true}, {2000, true}, {2001, false}, {1000 - 86400, true}, {999 - 86400, false}}
	for _, test := range tests {
		if s := readAll(sound, time.Unix(test.now, 0)); (s.Refused == "") != test.ok {
			t.Errorf("at %d: %s", test.now, s.Why)
		}
	}
}

func FuzzSignature(f *testing.F) {
	f.Add(sound)
	f.Add("X: l=1; a=ed25519-sha256; d=b\u00fccher.example; s=a.b; h=from; bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=; b=QQ==")
	f.Fuzz(func(t *testing.T, raw string) {
		s := readAll(raw, time.Unix(1500, 0))
		if text := s.Why + string(s.Domain+s.Selector) + s.Algorithm + s.Prefix(); strings.ContainsFunc(text, func(c rune) bool { return c < ' ' || c >= 0x7f }) {
			t.Fatalf("unprintable: %q", text)
		}
		if (s.Refused == "") != (s.Why == "") || len(s.Names) > maxNames || len(s.Prefix()) > 8 {
			t.Fatalf("%+v", s)
		}
		if s.Refused == "" && (s.Domain == "" || s.Selector == "" || !slices.Contains(s.Names, "from") || len(s.BodyHash) != 32 || len(s.Octets) == 0) {
			t.Fatalf("let through: %+v", s)
		}
	})
}
