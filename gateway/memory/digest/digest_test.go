package digest

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"mxgate/gateway/calendar"
	"mxgate/policy"
	"mxgate/policy/mail"
)

var day = time.Date(2026, 3, 2, 23, 59, 0, 0, time.UTC)

func site(key byte) *Digester {
	return New([]byte(strings.Repeat(string(rune(key)), KeyOctets)), []mail.Domain{"mail.example.org", "example"})
}

func TestHashesDifferByKeyKindAndText(t *testing.T) {
	seen := map[uint64]string{}
	for _, key := range []byte{1, 2} {
		g := site(key)
		for name, h := range map[string]uint64{"id": g.ID("text@x"), "name": g.Name("text@x"), "mailbox": g.Mailbox(mail.Address{Local: "text", Domain: "x"}), "other": g.ID("Text@x")} {
			if seen[h] != "" {
				t.Errorf("%s of key %d is also %s", name, key, seen[h])
			}
			seen[h] = fmt.Sprint(name, key)
		}
	}
	g := site(1)
	if g.Check() == site(2).Check() || g.Check() != site(1).Check() {
		t.Error("Check does not tell keys apart")
	}
	if g.Mailbox(mail.Address{Local: "+a", Domain: "x.example"}) == g.Mailbox(mail.Address{Local: "+b", Domain: "x.example"}) {
		t.Error("mailboxes that begin with a plus sign are one")
	}
	if g.Mailbox(mail.Address{Local: "Erika", Domain: "x.example"}) != g.Mailbox(mail.Address{Local: "erika", Domain: "x.example"}) {
		t.Error("a mailbox differs by capitals")
	}
	if h := g.Account("DE89370400440532013000"); h == 0 || h > accountMask {
		t.Errorf("account %x", h)
	}
	if g.Name("") != 0 || g.Name(strings.Repeat("x", MaxHashed+1)) != 0 {
		t.Error("no name has a hash")
	}
}

func TestADigestHoldsNoTextButDomains(t *testing.T) {
	o := policy.Observation{
		At: day, ID: "id@host.partner.example", Author: mail.Address{Local: "jo", Domain: "mail.partner.example"}, Name: "Jo", Aligned: true,
		Recipients: []mail.Address{{Local: "erika", Domain: "mail.example.org"}, {Local: "x", Literal: netip.MustParseAddr("192.0.2.1")}},
		Cited:      []string{"a@host.Example.ORG", "b@elsewhere.example", "", strings.Repeat("x", MaxHashed+1), "b@elsewhere.example"},
		Parties:    []mail.Domain{"a.third.example", "third.example", "partner.example", "com"}, SignedBy: []mail.Domain{"partner.example", "signer.example"},
		Accounts: []string{"DE89370400440532013000"}, Resembles: "www.like.example",
	}
	d := site(1).Digest(&o)
	if d.Day != calendar.DayOf(day) || d.Second != 24*60*60-60 || d.ID == 0 || len(d.Cited) != 2 || d.Author != "partner.example" || d.Name == 0 || !d.Aligned || d.Outbound || d.Writer != 0 || !d.CitesOwn ||
		len(d.Recipients) != 2 || d.Recipients[0].Domain != "example.org" || d.Recipients[1].Domain != "" || len(d.Accounts) != 1 ||
		d.Full != "mail.partner.example" || d.Resembles != "like.example" || d.Recipients[0].Full != "" ||
		fmt.Sprint(d.Parties) != "[{third.example a.third.example}]" || fmt.Sprint(d.SignedBy) != "[signer.example]" {
		t.Errorf("%+v", d)
	}
	o.Cited, o.Outbound = []string{"x@example.org.evil.example", "no at sign", "x@notexample.org"}, true
	o.Author.Domain = "partner.example"
	if d := site(1).Digest(&o); d.CitesOwn || d.Writer == 0 || d.Full != "" || d.Recipients[0].Full != "mail.example.org" {
		t.Errorf("%+v", d)
	}
}

func TestADigestIsBounded(t *testing.T) {
	o := policy.Observation{At: day}
	for i := range 1000 {
		o.Cited = append(o.Cited, fmt.Sprintf("%d@x.example", i))
		o.Recipients = append(o.Recipients, mail.Address{Local: fmt.Sprint(i), Domain: "example.org"})
		o.Parties = append(o.Parties, mail.Domain(fmt.Sprintf("p%d.example", i)))
		o.Accounts = append(o.Accounts, fmt.Sprint(i))
	}
	o.SignedBy = o.Parties
	d := site(1).Digest(&o)
	long := Digest{Cited: make([]uint64, 999), Recipients: make([]Recipient, 999), Parties: make([]Party, 999), Accounts: make([]uint64, 999), SignedBy: o.Parties}
	long.Bound()
	for _, d := range []Digest{d, long} {
		if len(d.Cited) != MaxCited || len(d.Recipients) != MaxRecipients || len(d.Parties) != MaxParties || len(d.Accounts) != MaxParties || len(d.SignedBy) != maxSignedBy {
			t.Errorf("%d cited, %d recipients, %d parties, %d accounts, %d signers", len(d.Cited), len(d.Recipients), len(d.Parties), len(d.Accounts), len(d.SignedBy))
		}
	}
}

func TestDaysThereAndBack(t *testing.T) {
	if d := calendar.TimeOf(calendar.DayOf(day)); !d.Equal(day.Truncate(24*time.Hour)) || !calendar.EndOf(calendar.DayOf(day)).Equal(d.AddDate(0, 0, 1)) {
		t.Errorf("%v", d)
	}
	if calendar.DayOf(time.Time{}) != 0 || !calendar.TimeOf(0).IsZero() || calendar.DayOf(time.Unix(-5, 0)) != 1 || calendar.DayOf(day.AddDate(1000, 0, 0)) != 65535 {
		t.Error("bounds")
	}
}

func TestTheKeyIsMadeOnceAndPrivate(t *testing.T) {
	dir := t.TempDir()
	if key, err := ReadKey(dir); err != nil || key != nil {
		t.Fatalf("%d octets, %v", len(key), err)
	}
	key, err := MakeKey(dir)
	if err != nil || len(key) != KeyOctets {
		t.Fatalf("%d octets, %v", len(key), err)
	}
	again, err := MakeKey(dir)
	if err != nil || string(again) != string(key) {
		t.Errorf("%v", err)
	}
	if again, err := ReadKey(dir); err != nil || string(again) != string(key) {
		t.Errorf("%v", err)
	}
	info, err := os.Stat(filepath.Join(dir, KeyName))
	if err != nil || info.Mode() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 1 {
		t.Errorf("%v, %v", left, err)
	}
}
