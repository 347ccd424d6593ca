// Package hijack turns real messages into stolen conversations.
//
// What it makes is semi-real: threads, people, subjects and quoted text are those
// of public mail, the theft is ours. A hijacker writes as the author of one of
// the messages, from a domain that imitates the author's, to the owner of the
// mailbox. He may cite the ids that he stole, paste the conversation in the way
// of his mail client, put look-alikes of others into Cc, and talk of money.
// Published incidents are the model: LOOKALIKE, Section 2.3.
package hijack

import (
	"math/rand/v2"
	"time"
)

// Person is one mailbox with its display name.
type Person struct{ Name, Local, Domain string }

// Address is local part and domain.
func (p Person) Address() string { return p.Local + "@" + p.Domain }

// Mail is what a hijacker knows of one message.
type Mail struct {
	File, Thread string
	At           time.Time // when it arrived
	From         Person
	Others       []Person // To and Cc
	Subject      string
	ID           string   // without angle brackets
	References   []string // of References and In-Reply-To
	Text         []string // the first lines of its text
}

// Variant is one way to steal.
type Variant struct {
	Class       string // how domains are disguised
	StolenID    bool
	Quote       bool
	LookalikeCc int // 0 to 3
	Payment     bool
	Forged      bool // in what is pasted the author's address is the hijacker's too
}

// MaxCc is the largest number of look-alikes in Cc.
const MaxCc = 3

// Variants returns all combinations for the classes.
func Variants(classes []string) []Variant {
	var all []Variant
	for _, class := range classes {
		for cc := range MaxCc + 1 {
			for bits := range 8 {
				all = append(all, Variant{Class: class, StolenID: bits&1 != 0, Quote: bits&2 != 0, LookalikeCc: cc, Payment: bits&4 != 0})
			}
		}
	}
	return all
}

// Forged returns those thefts in which the pasted text shows the hijacker's
// address in place of the author's, so that it proves nothing against him.
func Forged(classes []string) []Variant {
	var all []Variant
	for _, class := range classes {
		for bits := range 4 {
			all = append(all, Variant{Class: class, StolenID: bits&1 != 0, Quote: true, Payment: bits&2 != 0, Forged: true})
		}
	}
	return all
}

// Disguise makes a domain that imitates another one, "" if it cannot.
type Disguise func(domain string, r *rand.Rand) string

// Hijack is one message that was made, beside what it is.
type Hijack struct {
	Variant
	Raw    []byte
	From   Person // with the domain of the hijacker
	Target string // the domain that it imitates
	Style  string // in which way the conversation is pasted, "" if it is not
	At     time.Time
}
