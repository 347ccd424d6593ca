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

// What Anna of heise.de and Bob have written each other; Bob's own mail goes out
// another way, and the gateway knows its id from her answer.
const (
	offer  = "<offer-4711@heise.de>"
	order  = "<order-1@example.com>"
	answer = "<answer-4711@heise.de>"

	quoted = "\n\nOn Monday, Anna Schmidt <anna@heise.de> wrote:\n> Thank you for the order; the invoice 4711 follows.\n"
	paying = "Our bank has changed. Please use the new account from now on: IBAN DE89 3704 0044 0532 0130 00."
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
			title: "Extortion \"from yourself\": From and To are the same", origin: "198.51.100.7", helo: "dsl-7.isp.example",
			reversePath: "x81@bulk.example", to: "bob@example.com", messageID: "<3@bulk.example>",
			fields: []string{"From: bob@example.com", "To: bob@example.com", "Subject: Your account is hacked"},
			body:   "I sent this from your own account. Pay in Bitcoin.",
		},
		{
			title: "A newsletter that proves nothing about its author", origin: "198.51.100.25", helo: "out.news.example",
			reversePath: "bounce@news.example", to: "bob@example.com", messageID: "<6@news.example>",
			fields: []string{"From: Weekly News <editor@news.example>", "To: bob@example.com", "Subject: This week"},
			body:   fmt.Sprintf("The news of week %d.", 47),
		},
		{
			title: "A look-alike of the bank that the operator protects, correctly authenticated by its owner", origin: "203.0.113.66", helo: "mail.rnybank.example",
			reversePath: "billing@rnybank.example", to: "bob@example.com", signer: "rnybank.example", messageID: "<4@rnybank.example>",
			fields: []string{"From: My Bank <billing@rnybank.example>", "To: bob@example.com", "Subject: Please confirm"},
			body:   "Please confirm the transfer.",
		},
		{
			title: "A conversation begins: Anna of heise.de, whom nobody has told the gateway about, sends an offer", origin: "192.0.2.10", helo: "mail.heise.de",
			reversePath: "anna@heise.de", to: "bob@example.com", signer: "heise.de", messageID: offer,
			fields: []string{"From: Anna Schmidt <anna@heise.de>", "To: Bob <bob@example.com>", "Subject: Offer 4711"},
			body:   "Here is the offer you asked for.",
		},
		{
			title: "Bob has ordered, and Anna answers him", origin: "192.0.2.10", helo: "mail.heise.de",
			reversePath: "anna@heise.de", to: "bob@example.com", signer: "heise.de", messageID: answer,
			fields: []string{"From: Anna Schmidt <anna@heise.de>", "To: Bob <bob@example.com>", "Subject: Re: Offer 4711", "In-Reply-To: " + order, "References: " + offer + " " + order},
			body:   "Thank you for the order; the invoice 4711 follows.",
		},
		{
			title: "The theft: an answer in that conversation, from he1se.de, authenticated by its owner, with two more in Cc: another of he1se.de, and one of partner.example", origin: "203.0.113.66", helo: "mail.he1se.de",
			reversePath: "anna@he1se.de", to: "bob@example.com", signer: "he1se.de", messageID: "<5@he1se.de>",
			fields: []string{"From: Anna Schmidt <anna@he1se.de>", "To: Bob <bob@example.com>", "Cc: controller@he1se.de, auditor@partner.example", "Subject: Re: Offer 4711",
				"In-Reply-To: " + answer, "References: " + offer + " " + order + " " + answer},
			body: paying + quoted,
		},
		{
			title: "The same theft without the ids: the conversation is only pasted in", origin: "203.0.113.66", helo: "mail.he1se.de",
			reversePath: "anna@he1se.de", to: "bob@example.com", signer: "he1se.de", messageID: "<7@he1se.de>",
			fields: []string{"From: Anna Schmidt <anna@he1se.de>", "To: Bob <bob@example.com>", "Subject: Re: Offer 4711"},
			body:   "Our bank has changed, see below." + quoted,
		},
		{
			title: "From Anna's own mailbox, taken over: the look-alike is only in Cc, for the answers", origin: "192.0.2.10", helo: "mail.heise.de",
			reversePath: "anna@heise.de", to: "bob@example.com", signer: "heise.de", messageID: "<8@heise.de>",
			fields: []string{"From: Anna Schmidt <anna@heise.de>", "To: Bob <bob@example.com>", "Cc: Accounts <accounts@he1se.de>", "Subject: Re: Offer 4711", "In-Reply-To: " + order, "References: " + offer + " " + order},
			body:   paying,
		},
		{
			title: "And Anna herself goes on", origin: "192.0.2.10", helo: "mail.heise.de",
			reversePath: "anna@heise.de", to: "bob@example.com", signer: "heise.de", messageID: "<9@heise.de>",
			fields: []string{"From: Anna Schmidt <anna@heise.de>", "To: Bob <bob@example.com>", "Subject: Re: Offer 4711", "In-Reply-To: " + answer, "References: " + offer + " " + order + " " + answer},
			body:   "The parcel is on its way.",
		},
	}
}
