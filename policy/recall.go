package policy

import (
	"context"
	"slices"
	"time"

	"mxgate/policy/lookalike"
	"mxgate/policy/mail"
)

// Memory is what the site remembers of the mail it took: with whom it
// corresponds, in which conversations, and what administrators decided. It is
// implemented over a database elsewhere, and must be safe for concurrent use.
type Memory interface {
	// Recall answers everything about one message at once, in microseconds. An
	// error is an inability of ours.
	Recall(ctx context.Context, q Question) (Recollection, error)
}

// Question is what one message makes us ask.
type Question struct {
	At         time.Time
	Author     mail.Address
	Name       string         // display name of the author, folded by FoldName; "" if none
	Names      []string       // what else From shows as a name, likewise
	Recipients []mail.Address // of the envelope
	Cited      []string       // ids of References and In-Reply-To, without angle brackets
	Domains    []mail.Domain  // the other domains that the message shows
	Accounts   []string       // IBANs with a valid checksum, in capitals without spaces
}

// shown is all that From shows as a name.
func (q *Question) shown() string {
	if len(q.Names) > 0 {
		return q.Names[0]
	}
	return q.Name
}

// Recollection is the answer to a Question. Domains are registrable ones.
type Recollection struct {
	Thread    RememberedThread
	Author    KnownDomain
	Domains   []KnownDomain // one for each of Question.Domains, in its order
	Near      []Neighbour   // known domains that the author domain resembles, best first; at most 8
	Kin       []Neighbour   // known domains that matter here and that the author domain resembles too little to be in Near: that counts beside a pretext alone; at most 8
	Named     []mail.Domain // whose mail to one of the recipients bore one of these names; at most 4; the author is among them only if he bore each of them that others bore
	Listed    []mail.Domain // whom an administrator listed under that name; at most 4
	Decisions []Decision    // on the author domain, in force at Question.At
	Since     time.Time     // when the memory began; zero if it is empty
}

// State says how well a domain is known.
type State string

// The states, each of which includes those before it. A Shadow resembles a domain
// that was known before it, and never becomes more, however much it writes.
const (
	Unseen      State = ""
	Shadow      State = "shadow"
	Seen        State = "seen"
	Established State = "established" // at least 3 aligned messages on 3 days over 14 days
	TwoWay      State = "two-way"     // established, and we write to it
)

// rank orders the states: who is known better has more.
func (s State) rank() int { return slices.Index([]State{Unseen, Shadow, Seen, Established, TwoWay}, s) }

// KnownDomain is what is remembered of one domain.
type KnownDomain struct {
	Domain    mail.Domain   `json:"domain"`
	State     State         `json:"state"`
	First     time.Time     `json:"first,omitzero"` // when the first aligned message came, to the second where that is known
	Last      time.Time     `json:"last,omitzero"`
	Messages  int           `json:"messages,omitempty"`   // aligned, taken from it
	ToUs      int           `json:"to_us,omitempty"`      // of these, to the recipients of this message
	ShadowOf  mail.Domain   `json:"shadow_of,omitempty"`  // the older domain it resembles
	Contested []mail.Domain `json:"contested,omitempty"`  // of the author: older ones that it resembles and that were known after it, so that it is no Shadow of theirs; at most 8
	Imported  bool          `json:"imported,omitempty"`   // an administrator vouches for it
	ProvenFor []mail.Domain `json:"proven_for,omitempty"` // domains whose owner has signed mail of this one, often enough
}

// Neighbour is a known domain that the author domain resembles.
type Neighbour struct {
	lookalike.Match
	Known KnownDomain
}

// RememberedThread is the conversation to which a cited id belongs; zero if none
// is known.
type RememberedThread struct {
	Number       uint64        // 0 if none is known
	Cited        int           // how many of the cited ids are known
	First, Last  time.Time     // days
	Messages     int           // seen of it
	Participants []mail.Domain // author domains and recipients seen in it, ours included; at most 32
	Wrote        bool          // the author domain is one of the authors
	Accounts     int           // IBANs seen in it
	NewAccounts  []string      // of Question.Accounts, those never seen in it
}

// Decision is an administrator's word on one pair of domains.
type Decision struct {
	Sender    mail.Domain `json:"sender"`
	Target    mail.Domain `json:"target"`
	Recipient string      `json:"recipient,omitempty"` // mailbox or domain it is limited to; "" is the whole site
	Allow     bool        `json:"allow"`               // or block
	Who       string      `json:"who"`
	Why       string      `json:"why"`
	At        time.Time   `json:"at"`
	Expires   time.Time   `json:"expires,omitzero"`
}

// Observation is what a Memory may learn from one message that was relayed.
type Observation struct {
	At         time.Time
	ID         string         // Message-ID without angle brackets; "" if none
	Author     mail.Address   // zero if ambiguous
	Name       string         // as in Question
	Recipients []mail.Address // of the envelope
	Cited      []string
	Parties    []mail.Domain // author domains of To and Cc
	Accounts   []string
	Aligned    bool          // DMARC-aligned: nothing else teaches who is who
	SignedBy   []mail.Domain // d= of the signatures that hold
	Outbound   bool          // written by one of ours (an archive of sent mail)
	List       bool          // came through a mailing list
	Resembles  mail.Domain   // whom the author domain resembles, if the message was tagged for that: teaches no more than a Shadow of it
}
