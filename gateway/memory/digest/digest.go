package digest

import (
	"slices"
	"strings"
	"time"

	"mxgate/gateway/calendar"
	"mxgate/policy"
	"mxgate/policy/lookalike"
	"mxgate/policy/mail"
	"mxgate/policy/memo"
)

// Limits of what is taken from one message, whatever it shows; of an id or a name
// in octets.
const (
	MaxCited      = 100
	MaxRecipients = 100
	MaxParties    = 8
	MaxAsked      = 64 // domains of a Question
	maxSignedBy   = 8
	MaxHashed     = 1000 // octets of an id or a name; RFC 5322, Section 2.1.1 has 998
)

// Digest is an observation with all that is private hashed. It points to nothing
// of the message. Tools hand it to the server as JSON.
type Digest struct {
	Day        uint16        `json:"d"`
	Second     uint32        `json:"t,omitempty"` // of the day
	ID         uint64        `json:"i,omitempty"` // 0: none
	Cited      []uint64      `json:"c,omitempty"`
	Author     mail.Domain   `json:"a,omitempty"` // registrable; "" if there is none
	Full       mail.Domain   `json:"f,omitempty"` // the author's domain, if it lies below that
	Writer     uint64        `json:"w,omitempty"` // mailbox of the author, of outbound mail alone
	Name       uint64        `json:"n,omitempty"`
	Recipients []Recipient   `json:"r,omitempty"`
	Parties    []Party       `json:"p,omitempty"` // without the author, one for each registrable domain
	Accounts   []uint64      `json:"b,omitempty"`
	SignedBy   []mail.Domain `json:"s,omitempty"` // registrable, without the author
	Aligned    bool          `json:"l,omitempty"`
	Outbound   bool          `json:"o,omitempty"`
	CitesOwn   bool          `json:"u,omitempty"` // an id whose right side is ours
	Resembles  mail.Domain   `json:"e,omitempty"` // registrable: for whom the author was taken
}

// Party is a domain that a message shows.
type Party struct {
	Domain mail.Domain `json:"d"`           // registrable
	Full   mail.Domain `json:"f,omitempty"` // as it is shown first, if it lies below that
}

// Recipient is one recipient.
type Recipient struct {
	Mailbox uint64      `json:"m"`
	Domain  mail.Domain `json:"d,omitempty"` // registrable
	Full    mail.Domain `json:"f,omitempty"` // of outbound mail, if it lies below that
}

// Digester turns what messages show into hashes and registrable domains.
type Digester struct {
	*hasher
	Own   map[mail.Domain]bool // our domains, registrable; not to be changed
	cache *memo.Memo[mail.Domain, mail.Domain]
}

// cacheOctets bounds the registrable domains remembered, in memo's measure.
const cacheOctets = 4 << 20

// New returns the Digester of a site with these domains.
func New(key []byte, own []mail.Domain) *Digester {
	g := &Digester{hasher: newHasher(key), Own: map[mail.Domain]bool{}, cache: memo.New[mail.Domain, mail.Domain](cacheOctets, memo.Text)}
	for _, d := range own {
		if r := lookalike.Registrable(d); r != "" {
			g.Own[r] = true
		}
	}
	return g
}

// Registrable is lookalike.Registrable from memory, and a copy: what is kept
// must not keep the message.
func (g *Digester) Registrable(d mail.Domain) mail.Domain {
	if d == "" {
		return ""
	}
	return g.cache.Of(mail.Domain(strings.Clone(string(d))), len(d), func(d mail.Domain) mail.Domain {
		return mail.Domain(strings.Clone(string(lookalike.Registrable(d))))
	})
}

// registrables maps domains, without doubles and except, at most limit.
func (g *Digester) registrables(domains []mail.Domain, except mail.Domain, limit int) []mail.Domain {
	var all []mail.Domain
	for _, d := range domains {
		if r := g.Registrable(d); r != "" && r != except && !slices.Contains(all, r) {
			if all = append(all, r); len(all) == limit {
				break
			}
		}
	}
	return all
}

// below is a copy of full if it lies below its registrable domain, "" if it is it.
func below(full, registrable mail.Domain) mail.Domain {
	if registrable == "" || full == registrable {
		return ""
	}
	return mail.Domain(strings.Clone(string(full)))
}

// parties lists domains with what they are shown as, one for each registrable one
// and without except.
func (g *Digester) parties(domains []mail.Domain, except mail.Domain) []Party {
	var all []Party
	for _, d := range domains {
		r := g.Registrable(d)
		if r == "" || r == except || slices.ContainsFunc(all, func(p Party) bool { return p.Domain == r }) {
			continue
		}
		if all = append(all, Party{r, below(d, r)}); len(all) == MaxParties {
			break
		}
	}
	return all
}

// AppendIDs hashes texts, without doubles, and appends at most MaxCited. Overlong
// ones are left out.
func (g *Digester) AppendIDs(all []uint64, texts []string) []uint64 {
	for _, text := range texts {
		if text == "" || len(text) > MaxHashed {
			continue
		}
		if h := g.sum(kindID, text); !slices.Contains(all, h) {
			if all = append(all, h); len(all) == MaxCited {
				break
			}
		}
	}
	return all
}

// accountMask leaves what a thread keeps of an IBAN.
const accountMask = 1<<48 - 1

// Account hashes an IBAN, to 48 bits.
func (g *Digester) Account(iban string) uint64 { return g.sum(kindAccount, iban) & accountMask }

// Name hashes a display name; 0 for none.
func (g *Digester) Name(name string) uint64 {
	if name == "" || len(name) > MaxHashed {
		return 0
	}
	return g.sum(kindName, name)
}

// Digest works an observation up, in a few microseconds.
func (g *Digester) Digest(o *policy.Observation) Digest {
	d := Digest{
		Day: calendar.DayOf(o.At), Second: secondOf(o.At), Author: g.Registrable(o.Author.Domain), Cited: g.AppendIDs(make([]uint64, 0, min(len(o.Cited), MaxCited)), o.Cited), Name: g.Name(o.Name),
		Aligned: o.Aligned, Outbound: o.Outbound, Resembles: g.Registrable(o.Resembles),
	}
	d.Full = below(o.Author.Domain, d.Author)
	if o.ID != "" && len(o.ID) <= MaxHashed {
		d.ID = g.ID(o.ID)
	}
	if o.Outbound {
		d.Writer = g.Mailbox(o.Author)
	}
	d.CitesOwn = slices.ContainsFunc(o.Cited[:min(len(o.Cited), MaxCited)], g.ours)
	d.Recipients = make([]Recipient, 0, min(len(o.Recipients), MaxRecipients))
	for _, r := range o.Recipients[:min(len(o.Recipients), MaxRecipients)] {
		to := Recipient{Mailbox: g.Mailbox(r), Domain: g.Registrable(r.Domain)}
		if o.Outbound {
			to.Full = below(r.Domain, to.Domain)
		}
		d.Recipients = append(d.Recipients, to)
	}
	d.Parties = g.parties(o.Parties, d.Author)
	if !o.List { // a list signs what anybody posts to it
		d.SignedBy = g.registrables(o.SignedBy, d.Author, maxSignedBy)
	}
	for _, iban := range o.Accounts[:min(len(o.Accounts), MaxParties)] {
		d.Accounts = append(d.Accounts, g.Account(iban))
	}
	return d
}

// ours reports whether the right side of a message id is a domain of ours.
func (g *Digester) ours(id string) bool {
	at := strings.LastIndexByte(id, '@')
	if at < 0 || len(id) > MaxHashed {
		return false
	}
	right := strings.ToLower(id[at+1:])
	for {
		if g.Own[mail.Domain(right)] {
			return true
		}
		_, rest, ok := strings.Cut(right, ".")
		if !ok {
			return false
		}
		right = rest
	}
}

const secondsPerDay = 24 * 60 * 60

// secondOf counts seconds from the beginning of the day, UTC.
func secondOf(t time.Time) uint32 { return uint32(max(t.Unix(), 0) % secondsPerDay) }

// Bound cuts a Digest that comes from outside to the limits that New ones keep.
func (d *Digest) Bound() {
	d.Cited, d.Recipients = d.Cited[:min(len(d.Cited), MaxCited)], d.Recipients[:min(len(d.Recipients), MaxRecipients)]
	d.Parties, d.Accounts = d.Parties[:min(len(d.Parties), MaxParties)], d.Accounts[:min(len(d.Accounts), MaxParties)]
	d.SignedBy = d.SignedBy[:min(len(d.SignedBy), maxSignedBy)]
}
