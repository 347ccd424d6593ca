package main

import (
	"errors"
	"fmt"
	"strings"

	"mxgate/gateway/store"
	"mxgate/policy"
	"mxgate/policy/mail"
)

// bareID is the id of a transaction as it stands at the end of our replies, "(ID)",
// or without the parentheses.
func bareID(text string) string {
	if inner, ok := strings.CutPrefix(text, "("); ok {
		return strings.TrimSuffix(inner, ")")
	}
	return text
}

// transactionID is a flag for the id of a transaction.
type transactionID struct{ id *string }

func (t transactionID) String() string {
	if t.id == nil {
		return ""
	}
	return *t.id
}

func (t transactionID) Set(text string) error {
	id := bareID(text)
	if id == "" {
		return errors.New("expected an ID as it stands at the end of our replies and in the log")
	}
	*t.id = id
	return nil
}

// messageID is a flag for a Message-ID.
type messageID struct{ id *string }

func (m messageID) String() string {
	if m.id == nil {
		return ""
	}
	return *m.id
}

func (m messageID) Set(text string) error {
	if strings.Trim(text, "<>") == "" || strings.ContainsFunc(text, blank) {
		return errors.New("expected a Message-ID such as <4711@example.com>, whole, with or without the angle brackets")
	}
	*m.id = text
	return nil
}

func blank(r rune) bool { return r <= ' ' || r == 0x7f }

// fromHelp tells of -from, wherever there is one.
const fromHelp = "only messages from `WHO`, as reverse-path or in From: an address (anna@example.com), a domain without those below it (example.com), or '<>' for the null reverse-path of bounces; case does not matter"

// whose is a flag for a mailbox or all those of a domain. Of senders, the null
// reverse-path can be meant, too.
type whose struct {
	boxes  *store.Mailboxes
	sender bool
}

func (w whose) String() string {
	switch {
	case w.boxes == nil || *w.boxes == store.Mailboxes{}:
		return ""
	case w.boxes.Null:
		return "<>"
	case w.boxes.Domain != "":
		return string(w.boxes.Domain)
	}
	return w.boxes.Address.String()
}

func (w whose) Set(text string) error {
	if text == "<>" {
		if !w.sender {
			return errors.New("a recipient is never null: expected an address such as bob@example.com, or a domain such as example.com")
		}
		*w.boxes = store.Mailboxes{Null: true}
		return nil
	}
	if inner, ok := strings.CutPrefix(text, "<"); ok {
		text = strings.TrimSuffix(inner, ">")
	}
	if a, err := mail.ParseMailbox(text); err == nil {
		*w.boxes = store.Mailboxes{Address: a}
		return nil
	}
	name, marked := strings.CutPrefix(text, "@")
	d, err := mail.ParseDomain(name)
	if err != nil || !marked && !strings.Contains(string(d), ".") { // a word alone is more likely half an address
		example := "anna@example.com, or a domain such as example.com"
		if w.sender {
			example += ", or <> for the null reverse-path"
		}
		return fmt.Errorf("expected an address such as %s", example)
	}
	*w.boxes = store.Mailboxes{Domain: d}
	return nil
}

// namedIn says who was looked for, for a listing that found nothing.
func namedIn(f store.Filter) string {
	var text string
	if from := (whose{&f.From, true}).String(); from != "" {
		text += " from " + policy.Plain(from, maxFlag)
	}
	if to := (whose{&f.To, false}).String(); to != "" {
		text += " to " + policy.Plain(to, maxFlag)
	}
	return text
}
