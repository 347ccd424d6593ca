package policy

import (
	"strings"
	"time"

	"mxgate/policy/mail"
	"mxgate/policy/score"
)

// Thread is what is known of the conversation that a message belongs to, or
// claims to, and of whom it resembles in it. What the message says of itself is
// its sender's word, and counts against him only: to cite an id, to quote, to be
// a list lowers nothing.
//
// Domains here are registrable ones. Addresses of others, ids and whole account
// numbers are not kept.
type Thread struct {
	Reply       bool        `json:"reply,omitempty"`       // it claims to answer or to forward something
	List        bool        `json:"list,omitempty"`        // it claims to come through a mailing list
	Report      bool        `json:"report,omitempty"`      // it claims to be the report of a mail system, and has the null reverse-path of one
	Personal    bool        `json:"personal,omitempty"`    // To or Cc name a recipient of the envelope
	Cited       int         `json:"cited,omitempty"`       // how many ids it cites, at most 100
	Unread      string      `json:"unread,omitempty"`      // the limit that kept some of it from being read or compared
	Joins       bool        `json:"joins,omitempty"`       // the author, or somebody whom To, Cc or Reply-To show, is not known here; noted only where there is Unread
	MemorySince time.Time   `json:"memory_since,omitzero"` // when our memory began; absent: we had none to ask
	Author      KnownDomain `json:"author,omitzero"`       // what is remembered of the author domain; absent: not asked
	Known       *Remembered `json:"known,omitempty"`       // the conversation that the ids lead to; absent: none is remembered
	Parties     []Party     `json:"parties,omitempty"`     // whose domains it shows, ours and the author's left out; at most 32
	Named       []Namesake  `json:"named,omitempty"`       // others who bear the author's name; at most 8
	Twin        bool        `json:"twin,omitempty"`        // it quotes somebody of the author's name with another mailbox of the same free service
	NameKnown   bool        `json:"name_known,omitempty"`  // a recipient had mail of that name from the author domain before
	Similar     []Similar   `json:"similar,omitempty"`     // whom the author domain resembles, the nearest first; at most 8
	Added       []Similar   `json:"added,omitempty"`       // recipients in To and Cc who resemble somebody; at most 8
	ReplyTo     *Diversion  `json:"reply_to,omitempty"`    // where answers go, if not to the author or somebody known
	Payment     Payment     `json:"payment,omitzero"`      // what it says of money
	Decisions   []Decision  `json:"decisions,omitempty"`   // administrators' words on pairs of domains, in force when it came
}

// Remembered is a conversation that we know.
type Remembered struct {
	Cited        int           `json:"cited"` // how many of the cited ids lead to it
	First        time.Time     `json:"first,omitzero"`
	Last         time.Time     `json:"last,omitzero"`
	Messages     int           `json:"messages,omitempty"`
	Participants []mail.Domain `json:"participants,omitempty"` // ours included; at most 32
	TookPart     bool          `json:"author_took_part"`       // the author domain wrote in it, or got mail of it
}

// before reports whether the conversation began on a day before that of since. The
// first message of it is known to the day.
func (k *Remembered) before(since time.Time) bool {
	return !k.First.IsZero() && k.First.Before(since.Truncate(24*time.Hour))
}

// Party is a domain that the message shows.
type Party struct {
	Domain mail.Domain `json:"domain"`
	Where  []string    `json:"where"` // to, cc, reply-to, quoted-from, quoted-to, quoted-cc, id
	State  State       `json:"state,omitempty"`
	Since  time.Time   `json:"since,omitzero"`   // when it first wrote to us
	Joined bool        `json:"joined,omitempty"` // a recipient who had no part in the conversation that we remember
}

// Namesake is somebody else who bears the author's name.
type Namesake struct {
	Name   string      `json:"name"`   // as the author shows it
	Domain mail.Domain `json:"domain"` // whose name it is
	Where  string      `json:"where"`  // as in Party; "from": the From field shows an address of it; "memory": mail of that name from there came to a recipient before; "listed": an administrator listed it under that name; "label": the name contains that of its domain
}

// Similar is a pair of domains that resemble each other: one of this message,
// and one that it may be taken for.
type Similar struct {
	Domain        mail.Domain    `json:"domain"`
	Target        mail.Domain    `json:"target"`
	As            mail.Domain    `json:"as,omitempty"` // the name below Domain that resembles Target, if it is by its dots
	Where         string         `json:"where"`        // author, to or cc: where Domain stands
	Relation      score.Relation `json:"relation"`
	Class         string         `json:"class"`      // of lookalike; "blocked": an administrator blocked Domain as an imitation
	Confidence    int            `json:"confidence"` // 0 to 100
	Why           string         `json:"why"`
	State         State          `json:"state,omitempty"`
	Since         time.Time      `json:"since,omitzero"` // when Domain first wrote to us
	TargetState   State          `json:"target_state,omitempty"`
	TargetSince   time.Time      `json:"target_since,omitzero"`
	TargetToUs    int            `json:"target_to_us,omitempty"`   // messages of Target to the recipients of this one
	TargetVouched bool           `json:"target_vouched,omitempty"` // Target is ours or protected, or an administrator listed it as known
	Shown         []string       `json:"shown,omitempty"`          // where the message shows Target
	SameLocal     bool           `json:"same_local,omitempty"`     // Target has an address of the author's local part here
	SameOwner     bool           `json:"same_owner,omitempty"`     // the operator says so
	Acquainted    bool           `json:"acquainted,omitempty"`     // a recipient had mail of the author's name from Target before, and none from Domain
	Kin           bool           `json:"kin,omitempty"`            // so little counts beside a pretext alone: a change of payment, a Reply-To elsewhere, Target's name
}

// Diversion is a Reply-To that leads away from the author.
type Diversion struct {
	Domain     mail.Domain `json:"domain"`
	Kind       score.Reply `json:"kind"`
	As         mail.Domain `json:"as,omitempty"`     // the name below Domain that resembles Target, if it is by its dots
	Target     mail.Domain `json:"target,omitempty"` // whom it resembles, or whose name it bears; of an unknown one, the author's
	Name       string      `json:"name,omitempty"`   // of a free mailbox: that of somebody in the conversation
	Class      string      `json:"class,omitempty"`
	Confidence int         `json:"confidence,omitempty"`
	Why        string      `json:"why,omitempty"`
	SameOwner  bool        `json:"same_owner,omitempty"` // as in Similar
}

// Payment is what the message says of money, outside of what it quotes.
type Payment struct {
	Words    []string `json:"words,omitempty"`    // of changed payment details; at most 4, and looked for only beside a likeness, a name, a diversion or a decision
	Accounts []string `json:"accounts,omitempty"` // IBANs, all but the last four characters hidden
	Changed  []string `json:"changed,omitempty"`  // of these, those that the conversation did not have before, though it had one
	Known    []string `json:"known,omitempty"`    // of these, those that the conversation had before, as we remember it
}

// told says what there is, for the score.
func (p *Payment) told() score.Payment {
	switch {
	case len(p.Changed) > 0:
		return score.PaymentChanged
	case len(p.Words) > 0 || p.names():
		return score.PaymentTold
	}
	return ""
}

// names reports whether it names an account that the conversation, as we remember it,
// had not.
func (p *Payment) names() bool { return len(p.Accounts) > len(p.Known) }

// changes reports whether it is about another account than before. Each first
// invoice names one.
func (p *Payment) changes() bool { return len(p.Changed) > 0 || len(p.Words) > 0 }

// isMailSystem reports whether a local part is that of a mail system: RFC 5321, Section
// 4.5.1, the usual one, and that of Exchange.
func isMailSystem(local string) bool {
	local = strings.ToLower(local)
	return local == "mailer-daemon" || local == "postmaster" || strings.HasPrefix(local, "microsoftexchange")
}

// reports reports whether the message is, for all that it says, the report of a mail
// system, which brings nothing else: of a tenant of a service, or a host, that has a name
// like the author of the mail that was not delivered.
func (t *Thread) reports() bool {
	return t.Report && t.Unread == "" && t.Payment.told() == "" && len(t.Payment.Accounts) == 0 && t.ReplyTo == nil && len(t.Named) == 0 && len(t.Added) == 0
}

// fresh is how long a domain is new: LOOKALIKE 5.
const fresh = 7 * 24 * time.Hour

// stranger reports whether d is not known for itself: never seen, seen for a few
// days only, or seen only as what resembles an older domain.
func (t *Thread) stranger(state State, since, at time.Time) bool {
	return !t.MemorySince.IsZero() && (state == Unseen || state == Shadow || at.Sub(since) < fresh)
}
