// Package ledger proves that no mail was lost, doubled, mixed up or altered. It
// compares three books that were kept apart: what clients sent and were told,
// where messages are found, and what the gateway's journal says.
//
// What Check proves of the gateway:
//
//	Q1  answered 2xx: the message is at the next hop or in quarantine, where it belongs
//	Q2  answered 4xx or 5xx: it is nowhere, or the journal says "uncertain"
//	Q3  of one message there are at most 1 copy and 1 more for each recorded "uncertain"
//	Q4  the octets are those that were sent, less the fields that we strip, behind
//	    the fields that we prepend and nothing else
//	Q5  each message came with its own envelope: no transaction is made of two
//
// SMTP-DUTIES I1, I4, I5, I8. It opens nothing and knows no other room: load
// checks and operators give it their books as JSON lines, see Read.
package ledger

// Place is where a message can be.
type Place string

// The places with custody.
const (
	NextHop    Place = "next-hop"
	Quarantine Place = "quarantine"
)

// Attempt is one delivery of one message as its client saw it. A client that
// tries a message again makes another Attempt.
type Attempt struct {
	ReversePath  string   // without angle brackets; names the attempt: no two share one
	ForwardPaths []string `json:",omitempty"` // those that were accepted, in order
	// Message is the same for all attempts to deliver one message; "" if this is
	// the only one.
	Message string `json:",omitempty"`
	Content []byte `json:",omitempty"` // as sent, without dot-stuffing
	// Kept is Content less the fields that the gateway must strip; nil if it must
	// strip none.
	Kept   []byte `json:",omitempty"`
	Belong Place  `json:",omitempty"` // where it must be if it is anywhere; "" is either
	Answer string `json:",omitempty"` // the final reply as read: "250 2.0.0 OK"; "" if none was
}

// Copy is a message found somewhere.
type Copy struct {
	Place        Place
	ReversePath  string
	ForwardPaths []string `json:",omitempty"`
	Content      []byte   `json:",omitempty"`
	Missing      string   `json:",omitempty"` // why listed content cannot be read; "" if it can
}

// Row is what the journal says about one transaction.
type Row struct {
	ReversePath string
	Outcome     string // relayed, quarantined, refused, deferred, aborted or uncertain
	ReplyCode   int    `json:",omitempty"` // 0: no reply was given
}

// Books is all that is known after a run.
type Books struct {
	Attempts []Attempt
	Copies   []Copy
	// Rows are the journal's, all of them; nil if it was not kept, and then what
	// was not answered counts as uncertain.
	Rows []Row
	// Killed says that the gateway died on the way: rows of its last 100 ms may
	// be missing, and what was not answered then counts as uncertain.
	Killed bool
	// Block names the fields prepended to relayed mail; nil is BlockFields.
	Block []string
}

// BlockFields are the fields that the gateway prepends to mail that it relays.
var BlockFields = []string{"Received", "Authentication-Results", "X-Mxgate-Verdict", "X-Mxgate-Path"}
