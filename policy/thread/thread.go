package thread

import (
	"bytes"
	"strings"
	"sync"

	"mxgate/policy/mail"
	"mxgate/policy/thread/text"
)

// Limits of what is kept of one message.
const (
	MaxParties  = 100
	MaxCrowd    = 256
	MaxAccounts = 8
	MaxPayment  = 4
)

// Conversation is what one message says about the conversation it belongs to.
// All of it is the sender's word: it may be evidence against a message, and
// never for one.
type Conversation struct {
	ID             string   // Message-ID without angle brackets; "" if there is none, or two, or it is malformed
	Cited          []string // ids of References and In-Reply-To, without angle brackets and repeats: the first and the last 50; Unread says if there are more
	Reply          bool     // it claims to be part of a conversation: ids cited, a prefix in Subject, or quoted headers in the text
	Report         bool     // multipart/report: RFC 6522
	List           bool     // List-Id, List-Post or Precedence: list
	Parties        []Party  // everybody it shows beside From; at most MaxParties, no repeats of an address in one place
	Crowd          []Party  // domains of To and Cc of which Parties has no address for want of room, each once and without its address; at most MaxCrowd
	Accounts       []string // IBANs with a valid checksum in its own text, in capitals without spaces; at most MaxAccounts
	QuotedAccounts []string // those in what it quotes; one may stand in both
	Unread         string   // of the limits that kept some of it from being read, that which hides the most (see Heavier); "" if none did
}

// Party is somebody whom a message shows.
type Party struct {
	Address mail.Address // zero if only the domain is known: of an id, or of what only some mail programs read as an address
	Name    string       // display name, decoded, at most 128 octets of UTF-8 without controls; "" if none
	Domain  mail.Domain  // of Address, or all that is known
	Where   Where
}

// Where says in which place of a message a Party stands.
type Where string

// The places.
const (
	To         Where = "to"
	Cc         Where = "cc"
	ReplyTo    Where = "reply-to"
	QuotedFrom Where = "quoted-from"
	QuotedTo   Where = "quoted-to"
	QuotedCc   Where = "quoted-cc"
	CitedID    Where = "id" // the right side of a cited id
)

// Read reads what m says about its conversation. It never fails: what is not
// read is named in Unread.
func Read(m *mail.Message) Conversation {
	r := readers.Get().(*reader)
	r.begin(m)
	all := false
	r.c.ID = messageID(r.header)
	r.c.Cited, all = citedIDs(r.header)
	r.c.Reply = len(r.c.Cited) > 0 || isReply(subject(r.header))
	r.c.List, r.c.Report = isList(r.header), isReport(r.header)
	for _, id := range r.c.Cited {
		if d := idDomain(id); d != "" {
			all = r.keepCited(d) && all
		}
	}
	r.fields("Reply-To", ReplyTo)
	r.fields("Mail-Reply-To", ReplyTo) // before Reply-To to some mail programs
	r.fields("To", To)
	r.fields("Cc", Cc)
	r.fields("Mail-Followup-To", Cc) // who gets an answer to all
	if unread := text.Each(m, r.part); unread != "" {
		r.met(unread)
	}
	if !all {
		r.met(MoreIDs)
	}
	return r.end()
}

// readers hold what is needed while one message is read.
var readers = sync.Pool{New: func() any { return new(reader) }}

type reader struct {
	c       Conversation
	header  []mail.Field // those of fieldNames
	tries   int          // things that looked like an address
	foreign int          // of these, those that are no ASCII
	strange int          // such in what mail programs read in several ways
	segs    []segment
	block   block
	joined  []byte // the line that names an author
	folded  []byte
	moved   []segment // segs in folded
}

// fieldNames are the fields that are read.
var fieldNames = [...]string{"Message-ID", "References", "In-Reply-To", "Subject", "List-Id", "List-Post", "Precedence", "Reply-To", "Mail-Reply-To", "To", "Cc", "Mail-Followup-To", "Content-Type"}

// begin readies r for m: of its fields, it picks those that are read.
func (r *reader) begin(m *mail.Message) {
	r.tries, r.foreign, r.strange = 0, 0, 0
	for _, f := range m.Fields {
		seen := f.Name
		if seen == "" {
			seen = f.VisibleName() // some programs take it for that
		}
		for _, name := range fieldNames {
			if len(seen) == len(name) && seen[0]|0x20 == name[0]|0x20 && strings.EqualFold(seen, name) {
				r.header = append(r.header, mail.Field{Name: name, Raw: f.Raw})
			}
		}
	}
}

// end returns what was read; r keeps nothing of it.
func (r *reader) end() Conversation {
	c := r.c
	r.c = Conversation{}
	clear(r.header)
	r.header = r.header[:0]
	readers.Put(r)
	return c
}

// met records a limit that was met.
func (r *reader) met(limit string) { r.c.Unread = Heavier(r.c.Unread, limit) }

// isList reports whether the fields say that a mailing list sent the message.
func isList(fields []mail.Field) bool {
	for _, f := range fields {
		if f.Is("List-Id") || f.Is("List-Post") || f.Is("Precedence") && strings.EqualFold(strings.TrimSpace(f.Value()), "list") {
			return true
		}
	}
	return false
}

// isReport reports whether the message says that it is a report of a mail system.
func isReport(fields []mail.Field) bool {
	for _, f := range fields {
		if f.Is("Content-Type") {
			kind, _, _ := strings.Cut(f.Value(), ";")
			return strings.EqualFold(strings.TrimSpace(kind), "multipart/report")
		}
	}
	return false
}

// part reads a piece of the text.
func (r *reader) part(p text.Part) {
	if p.Header {
		r.attached(p.Text)
		return
	}
	r.lines(p.Text, p.Quoted)
	r.accounts(p.Text)
}

// attached reads the header of an attached message: those it names are parties
// of the conversation as if they were quoted.
func (r *reader) attached(header []byte) {
	r.c.Reply = true
	for len(header) > 0 {
		end := lineEnd(header)
		for end+1 < len(header) && (header[end+1] == ' ' || header[end+1] == '\t') {
			end += 1 + lineEnd(header[end+1:])
		}
		name, list, _ := bytes.Cut(header[:end], []byte(":"))
		var where Where
		switch strings.ToLower(string(bytes.TrimSpace(name))) {
		case "from", "reply-to":
			where = QuotedFrom
		case "to":
			where = QuotedTo
		case "cc":
			where = QuotedCc
		}
		if where != "" {
			list, all := within(string(bytes.ReplaceAll(list, []byte("\n"), nil)), maxListOctets)
			r.list(list, where)
			if !all {
				r.met("more addresses than are read")
			}
		}
		header = header[min(end+1, len(header)):]
	}
}
