package bootstrap

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"mxgate/policy"
	"mxgate/policy/mail"
	"mxgate/policy/provider"
)

var now = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

const (
	ownHop      = "Received: from mx1.provider.example (mx1.provider.example [192.0.2.5])\n\tby mail.example.com with ESMTP id 3; Mon, 2 Nov 2026 10:00:02 +0000\n"
	inside      = "Received: from gate.example.com (gate.example.com [10.0.0.5])\n\tby store.example.com with LMTP id 4; Mon, 2 Nov 2026 10:00:03 +0000\n"
	results     = "Authentication-Results: mx.provider.example; dmarc=pass header.from=partner.example\n"
	providerHop = "Received: from mail.partner.example (mail.partner.example [198.51.100.10])\n\tby mx1.provider.example with ESMTPS id 2; Mon, 2 Nov 2026 10:00:01 +0000\n"
	strangerHop = "Received: from mx1.provider.example (evil.example [203.0.113.66])\n\tby mail.example.com with ESMTP id 3; Mon, 2 Nov 2026 10:00:02 +0000\n"
	nameless    = "Received: from mx1.provider.example\n\tby mail.example.com with ESMTP id 3; Mon, 2 Nov 2026 10:00:02 +0000\n"
	letter      = "From: Anna <anna@partner.example>\nTo: Bob <bob@example.com>, c@elsewhere.example\nMessage-ID: <1@partner.example>\nReferences: <0@example.com>\nDate: Mon, 2 Nov 2026 10:00:00 +0000\nSubject: Re: x\n\nHello\n"
	ours        = "From: Bob <bob@example.com>\nTo: anna@partner.example\nBcc: c@third.example\nMessage-ID: <2@example.com>\nDate: Mon, 2 Nov 2026 10:00:00 +0000\n\nHello\n"
)

// read has one archive read; the observations are what it teaches.
func read(t *testing.T, c Config, messages ...string) (*Archive, []policy.Observation) {
	t.Helper()
	var learned []policy.Observation
	c.Own, c.Now = []mail.Domain{"example.com"}, now
	c.Sources = []provider.Source{
		{Name: "other", Ranges: []netip.Prefix{netip.MustParsePrefix("198.51.100.200/32")}, ReceivedBy: []string{"other.example"}},
		{Name: "p", Ranges: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}, ReceivedBy: []string{"provider.example"}},
	}
	c.AuthservIDs = map[string][]string{"p": {"mx.provider.example"}}
	c.Learn = func(o policy.Observation) { learned = append(learned, o) }
	a := New(c)
	for _, m := range messages {
		if err := a.Message(t.Context(), []byte(strings.ReplaceAll(m, "\n", "\r\n"))); err != nil {
			t.Fatal(err)
		}
	}
	return a, learned
}

func TestWhatTheProviderNotedAboveItsBorderProvesTheAuthor(t *testing.T) {
	for name, m := range map[string]string{
		"behind our server":                      ownHop + results + providerHop + letter,
		"behind a gateway with a public address": strings.ReplaceAll(inside, "10.0.0.5", "203.0.113.5") + strings.ReplaceAll(ownHop, "by mail.example.com", "by gate.example.com") + results + providerHop + letter,
		"behind two servers of ours":             inside + ownHop + results + providerHop + letter,
		"with a name below the author's":         ownHop + strings.ReplaceAll(results, "header.from=partner", "header.from=mail.partner") + providerHop + letter,
	} {
		a, learned := read(t, Config{}, m)
		if a.Proven != 1 || len(learned) != 1 || a.Taught["partner.example"] != 1 {
			t.Fatalf("%s: %+v", name, a.Counts)
		}
		o := learned[0]
		if !o.Aligned || o.Outbound || o.ID != "1@partner.example" || fmt.Sprint(o.Cited) != "[0@example.com]" || fmt.Sprint(o.Recipients) != "[bob@example.com]" ||
			fmt.Sprint(o.Parties) != "[example.com elsewhere.example]" || o.Author.String() != "anna@partner.example" || o.At.Format(time.DateOnly) != "2026-11-02" {
			t.Errorf("%s: %+v", name, o)
		}
	}
}

// Whatever a stranger writes into his message, it proves nobody.
func TestWhatMayHaveComeWithTheMessageProvesNobody(t *testing.T) {
	for name, m := range map[string]struct {
		doubt Doubt
		text  string
	}{
		"no results":                               {NoResults, ownHop + providerHop + letter},
		"below the border":                         {Unnoted, ownHop + providerHop + results + letter},
		"a planted border, past the provider":      {Elsewhere, strangerHop + results + providerHop + letter},
		"planted hops of ours, too":                {Elsewhere, strangerHop + inside + ownHop + results + providerHop + letter},
		"a public address without a name of ours":  {Elsewhere, strings.ReplaceAll(inside, "(gate.example.com [10.0.0.5])", "(evil.example [203.0.113.66])") + strings.ReplaceAll(ownHop, "by mail.example.com", "by gate.example.com") + results + providerHop + letter},
		"a name of ours that nobody has confirmed": {Elsewhere, "Received: from gate.example.com (HELO x) (203.0.113.66)\n\tby mail.example.com with SMTP; Mon, 2 Nov 2026 10:00:03 +0000\n" + strings.ReplaceAll(ownHop, "by mail.example.com", "by gate.example.com") + results + providerHop + letter},
		"one in the client's words":                {Elsewhere, "Received: from gate.example.com(gate.example.com[203.0.113.66]) (unknown [203.0.113.66])\n\tby mail.example.com with SMTP; Mon, 2 Nov 2026 10:00:03 +0000\n" + strings.ReplaceAll(ownHop, "by mail.example.com", "by gate.example.com") + results + providerHop + letter},
		"one that may be, folded":                  {Elsewhere, strings.ReplaceAll(inside, "[10.0.0.5])", "[203.0.113.66] (may be\n\tforged))") + strings.ReplaceAll(ownHop, "by mail.example.com", "by gate.example.com") + results + providerHop + letter},
		"a name of ours that may be forged":        {Elsewhere, strings.ReplaceAll(inside, "[10.0.0.5])", "[203.0.113.66] (may be forged))") + strings.ReplaceAll(ownHop, "by mail.example.com", "by gate.example.com") + results + providerHop + letter},
		"a name of ours, and a line of another":    {Elsewhere, strings.ReplaceAll(inside, "10.0.0.5", "203.0.113.66") + ownHop + results + providerHop + letter},
		"a client without an address":              {Elsewhere, nameless + ownHop + results + providerHop + letter},
		"of another id":                            {Unnoted, ownHop + strings.ReplaceAll(results, "mx.provider", "mx.evil") + providerHop + letter},
		"of our own gateway":                       {Unnoted, ownHop + strings.ReplaceAll(results, "mx.provider.example", "gate.example.com") + providerHop + letter},
		"for another domain":                       {Failed, ownHop + strings.ReplaceAll(results, "=partner", "=evil") + providerHop + letter},
		"a failure":                                {Failed, ownHop + strings.ReplaceAll(results, "pass", "fail") + providerHop + letter},
		"two that differ":                          {Failed, ownHop + results + strings.ReplaceAll(results, "pass", "fail") + providerHop + letter},
		"nothing but results":                      {Elsewhere, results + letter},
		"a border that is known by name only":      {Borderless, results + providerHop + letter},
	} {
		a, learned := read(t, Config{}, m.text)
		if a.Counts.Unproven != 1 || len(learned) != 1 || learned[0].Aligned || len(a.Taught) != 0 || a.Unproven["partner.example"] != 1 || a.Doubts[m.doubt] != 1 {
			t.Errorf("%s: %+v, %v", name, a.Counts, a.Doubts)
		}
	}
}

func TestAnAdministratorMayVouchForAnArchive(t *testing.T) {
	a, learned := read(t, Config{Vouch: true}, letter, ours)
	if a.Vouched != 1 || a.Ours != 1 || len(learned) != 1 || !learned[0].Aligned {
		t.Errorf("%+v", a.Counts)
	}
}

// Mail that shows our own domain is believed in what is called sent mail only.
func TestOnlySentMailTeachesWhomWeWriteTo(t *testing.T) {
	if a, learned := read(t, Config{}, ours); a.Ours != 1 || len(learned) != 0 {
		t.Errorf("%+v", a.Counts)
	}
	a, learned := read(t, Config{Sent: true}, ours, letter)
	if a.Sent != 1 || a.NotOurs != 1 || len(learned) != 1 || !learned[0].Outbound || !learned[0].Aligned ||
		fmt.Sprint(learned[0].Recipients) != "[anna@partner.example c@third.example]" || a.Taught["third.example"] != 1 || a.Taught["example.com"] != 0 {
		t.Errorf("%+v, %+v, %v", a.Counts, learned, a.Taught)
	}
}

func TestWhatCannotBePlacedIsLeftOut(t *testing.T) {
	a, learned := read(t, Config{Vouch: true},
		strings.Replace(letter, "Date: Mon, 2 Nov 2026", "Date: Mon, 2 Nov 2099", 1), strings.Replace(letter, "Date:", "X-Date:", 1),
		strings.Replace(letter, "From: Anna <anna@partner.example>", "From: a@partner.example, b@evil.example", 1), "", "no header\n")
	if a.Messages != 5 || a.Dateless != 2 || a.Ambiguous != 1 || a.Unread != 2 || len(learned) != 0 || a.Learned() != 0 {
		t.Errorf("%+v", a.Counts)
	}
}

func TestReadingEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	a := New(Config{Own: []mail.Domain{"example.com"}, Now: now, Learn: func(policy.Observation) {}})
	if err := a.Message(ctx, []byte(letter)); err == nil {
		t.Error("no error")
	}
}
