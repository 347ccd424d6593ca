package demo

import (
	"crypto"
	"fmt"
	"strings"
	"time"
)

// story is one message and how it comes.
type story struct {
	title       string
	stranger    bool   // not through the provider
	origin      string // who hands it to the provider
	helo        string
	reversePath string
	to          string
	signer      string // domain that signs it; "" for nobody
	messageID   string
	fields      []string // From, To, Subject and more
	body        string
}

// client is the address the gateway sees.
func (s story) client() string {
	if s.stranger {
		return "127.0.0.66"
	}
	return "127.0.0.1"
}

// content is the message as the client of the gateway sends it.
func (s story) content(key crypto.Signer) ([]byte, error) {
	now := time.Now()
	fields := append([]string{"Date: " + now.Format(time.RFC1123Z), "Message-ID: " + s.messageID, "MIME-Version: 1.0", "Content-Type: text/plain; charset=utf-8"}, s.fields...)
	message := []byte(strings.Join(fields, "\r\n") + "\r\n\r\n" + strings.ReplaceAll(s.body, "\n", "\r\n") + "\r\n")
	if s.signer != "" {
		var err error
		if message, err = sign(message, s.signer, key); err != nil {
			return nil, err
		}
	}
	if s.stranger {
		return message, nil
	}
	return append([]byte(received(s.helo, s.origin, now)), message...), nil
}

const (
	genuineID = "<offer-4711@heise.de>"
	quoted    = "\n> On Monday Anna Schmidt <anna@heise.de> wrote:\n> Thank you for the order; the invoice 4711 follows.\n"
)

func stories() []story {
	return []story{
		{
			title: "A stranger delivers straight to the gateway, past the MX", stranger: true,
			reversePath: "ceo@partner.example", to: "bob@example.com", messageID: "<1@attacker.example>",
			fields: []string{"From: The CEO <ceo@partner.example>", "To: bob@example.com", "Subject: Urgent transfer"},
			body:   "Please pay today.",
		},
		{
			title: "A partner's genuine mail, signed, through the provider", origin: "192.0.2.10", helo: "mail.heise.de",
			reversePath: "anna@heise.de", to: "bob@example.com", signer: "heise.de", messageID: genuineID,
			fields: []string{"From: Anna Schmidt <anna@heise.de>", "To: bob@example.com", "Subject: Offer 4711"},
			body:   "Thank you for the order; the invoice 4711 follows.",
		},
		{
			title: "Extortion \"from yourself\": From and To are the same", origin: "198.51.100.7", helo: "dsl-7.isp.example",
			reversePath: "x81@bulk.example", to: "bob@example.com", messageID: "<3@bulk.example>",
			fields: []string{"From: bob@example.com", "To: bob@example.com", "Subject: Your account is hacked"},
			body:   "I sent this from your own account. Pay in Bitcoin.",
		},
		{
			title: "An invoice from he1se.de, correctly authenticated by its owner", origin: "203.0.113.66", helo: "mail.he1se.de",
			reversePath: "billing@he1se.de", to: "bob@example.com", signer: "he1se.de", messageID: "<4@he1se.de>",
			fields: []string{"From: heise billing <billing@he1se.de>", "To: bob@example.com", "Subject: Invoice 4711, new bank details"},
			body:   "Please use our new account from now on.",
		},
		{
			title: "A stolen thread: a reply to the genuine mail from the look-alike", origin: "203.0.113.66", helo: "mail.he1se.de",
			reversePath: "anna@he1se.de", to: "bob@example.com", signer: "he1se.de", messageID: "<5@he1se.de>",
			fields: []string{"From: Anna Schmidt <anna@he1se.de>", "To: bob@example.com", "Cc: controller@he1se.de", "Subject: Re: Offer 4711",
				"In-Reply-To: " + genuineID, "References: " + genuineID},
			body: "Our bank has changed, see below." + quoted,
		},
		{
			title: "A newsletter that proves nothing about its author", origin: "198.51.100.25", helo: "out.news.example",
			reversePath: "bounce@news.example", to: "bob@example.com", messageID: "<6@news.example>",
			fields: []string{"From: Weekly News <editor@news.example>", "To: bob@example.com", "Subject: This week"},
			body:   fmt.Sprintf("The news of week %d.", 47),
		},
	}
}
