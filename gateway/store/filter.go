package store

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	"mxgate/policy/mail"
)

// Filter selects messages or journal entries; its zero value selects all. Fields
// that do not apply to what is listed are ignored.
type Filter struct {
	State        State // messages; StateHeld includes those being released
	ID           string
	Reason       string
	Disposition  string      // entries
	Outcome      Outcome     // entries
	AuthorDomain mail.Domain // entries
	Source       string      // entries
	Path         string      // entries
	Lifted       bool        // only entries of which something was lifted
	MessageID    string      // entries; with or without angle brackets
	From         Mailboxes   // of the reverse-path or of the author: who asks for mail "from" somebody means either
	To           Mailboxes   // of a recipient, whatever the others are; of entries, also of one who was refused
	Since        time.Time   // at or after
	Until        time.Time   // before
	Limit        int         // 0: 1000
}

const defaultLimit = 1000

func (f Filter) limit() int {
	if f.Limit <= 0 {
		return defaultLimit
	}
	return f.Limit
}

// Mailboxes are one mailbox, all of a domain, or none; the first field that is set
// counts. The zero value selects everything.
//
// Local parts are compared without regard to case. Beyond ASCII, where SQLite knows
// no case, they are found as given, all in small and all in capital letters.
type Mailboxes struct {
	Null    bool         // the null reverse-path
	Domain  mail.Domain  // all mailboxes of it, none of a domain below it
	Address mail.Address // one
}

func (m Mailboxes) isZero() bool { return m == Mailboxes{} }

// locals are the spellings of the local part that are looked for.
func (m Mailboxes) locals() []string {
	local := m.Address.Local
	if m.Address.IsASCII() {
		return []string{local}
	}
	all := []string{local, strings.ToLower(local), strings.ToUpper(local)}
	slices.Sort(all)
	return slices.Compact(all)
}

// texts are the spellings of the mailbox that are looked for.
func (m Mailboxes) texts() []string {
	all := m.locals()
	for i, local := range all {
		a := m.Address
		a.Local = local
		all[i] = a.String()
	}
	return all
}

// addFromOf adds what selects the entries from m.
func (c *conditions) addFromOf(m Mailboxes) {
	var or conditions
	switch {
	case m.isZero():
		return
	case m.Null:
		or.add("reverse_path = ''")
	case m.Domain != "":
		or.addLike("reverse_path", "%@"+likeText(string(m.Domain)))
		or.add("author_domain = ?", string(m.Domain))
	default:
		or.addSame("reverse_path", m.texts())
		or.addSame("author", m.texts())
	}
	c.addAny(or)
}

// addToOf adds what selects the entries to m.
//
// A text in a JSON array ends with the first quotation mark that has no backslash,
// and a path has none but around its local part: a pattern with both marks, or with
// "@" and the last, cannot match across two of them. The sentence is not searched: it
// has words of next hops and clients, who may name anybody.
func (c *conditions) addToOf(m Mailboxes) {
	var or conditions
	addLike := func(pattern string) {
		or.addLike("forward_paths", pattern)
		or.addLike("refused_paths", pattern)
	}
	switch {
	case m.isZero():
		return
	case m.Null:
		or.add("FALSE") // a forward-path is never null
	case m.Domain != "":
		addLike(`%@` + likeText(string(m.Domain)) + `"%`)
	default:
		for _, text := range m.texts() {
			quoted, _ := json.Marshal(text) // as in pathsText
			addLike("%" + likeText(string(quoted)) + "%")
		}
	}
	c.addAny(or)
}

// addHeldFromOf adds what selects the messages from m. The author of one whose From
// field is ambiguous is that field.
func (c *conditions) addHeldFromOf(m Mailboxes) {
	if m.isZero() {
		return
	}
	var or conditions
	or.addMailbox("envelope -> '$.ReversePath'", m)
	switch {
	case m.Null:
	case m.Domain != "":
		domain := likeText(string(m.Domain))
		or.addLike(authorWords, "%@"+domain+" %")
	default:
		or.addSame("author", m.texts())
		for _, text := range m.texts() {
			or.addLike(authorWords, "% "+likeText(text)+" %")
		}
	}
	c.addAny(or)
}

// authorWords is the column author with spaces around each address: of a From field
// that names several it is the field.
const authorWords = `' ' || replace(replace(replace(replace(author, ',', ' '), ';', ' '), '<', ' '), '>', ' ') || ' '`

// addHeldToOf adds what selects the messages to m.
func (c *conditions) addHeldToOf(m Mailboxes) {
	if m.isZero() {
		return
	}
	var one conditions
	one.addMailbox("value", m)
	c.add("EXISTS (SELECT 1 FROM json_each(envelope, '$.ForwardPaths')"+one.where()+")", one.args...)
}

// addMailbox adds that a mail.Address in JSON is of m.
func (c *conditions) addMailbox(address string, m Mailboxes) {
	of := func(field string) string { return "(" + address + ") ->> '$." + field + "'" }
	var all conditions
	switch {
	case m.Null:
		all.add(of("Local") + " = '' AND " + of("Domain") + " = '' AND " + of("Literal") + " = ''")
	case m.Domain != "":
		all.add(of("Domain")+" = ?", string(m.Domain))
	default:
		all.addSame("("+of("Local")+")", m.locals())
		all.add(of("Domain")+" = ?", string(m.Address.Domain))
		all.add(of("Literal")+" = ?", addrText(m.Address.Literal))
	}
	c.add("("+strings.Join(all.texts, " AND ")+")", all.args...)
}

// addMessageID adds that the Message-ID is id. Some programs write it without angle
// brackets.
func (c *conditions) addMessageID(id string) {
	if id = bare(id); id != "" {
		c.add("message_id IN (?, ?)", clip("<"+id+">"), clip(id))
	}
}

// bare is a Message-ID without angle brackets.
func bare(id string) string { return strings.TrimSuffix(strings.TrimPrefix(id, "<"), ">") }

// conditions collects the WHERE clause of a listing.
type conditions struct {
	texts []string
	args  []any
}

func (c *conditions) add(text string, args ...any) {
	c.texts = append(c.texts, text)
	c.args = append(c.args, args...)
}

// addAny adds that one of several holds.
func (c *conditions) addAny(of conditions) {
	c.add("("+strings.Join(of.texts, " OR ")+")", of.args...)
}

// addText adds column = value unless value is empty.
func (c *conditions) addText(column, value string) {
	if value != "" {
		c.add(column+" = ?", value)
	}
}

// addSame adds that column is one of texts, of which there are some, but for the case
// of ASCII letters.
func (c *conditions) addSame(column string, texts []string) {
	args := make([]any, len(texts))
	for i, t := range texts {
		args[i] = t
	}
	c.add(column+" COLLATE NOCASE IN (?"+strings.Repeat(", ?", len(texts)-1)+")", args...)
}

// addLike adds that column is like pattern, in which what came from outside has gone
// through likeText.
func (c *conditions) addLike(column, pattern string) { c.add(column+` LIKE ? ESCAPE '\'`, pattern) }

// likeText is text as a part of a pattern that stands for itself.
func likeText(text string) string { return likeEscapes.Replace(text) }

var likeEscapes = strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`)

// addSpan adds the bounds of f on a column of times.
func (c *conditions) addSpan(column string, f Filter) {
	if !f.Since.IsZero() {
		c.add(column+" >= ?", nanos(f.Since))
	}
	if !f.Until.IsZero() {
		c.add(column+" < ?", nanos(f.Until))
	}
}

// where is the clause, "" without conditions.
func (c *conditions) where() string {
	if len(c.texts) == 0 {
		return ""
	}
	return " WHERE " + strings.Join(c.texts, " AND ")
}
