package sig

import "mxgate/policy/mail"

// single are the names of fields that a message has once at most and that its
// readers go by: RFC 5322, Section 3.6; RFC 2045, Section 3; RFC 2183, Section 2.
// Not From: more than one is the business of the author's parser. Not
// MIME-Version: many honest messages have two, and no reader goes by which.
var single = [...]string{
	"Subject", "To", "Cc", "Date", "Reply-To", "Sender", "Message-ID",
	"Content-Type", "Content-Transfer-Encoding", "Content-Disposition", "Content-ID", "Content-Description",
}

// singleAt are the indexes of single, by name in lower case.
var singleAt = func() map[string]int {
	at := map[string]int{}
	for i, name := range single {
		at[string(appendLower(nil, name))] = i
	}
	return at
}()

// maxSingleName is the length of the longest of single.
const maxSingleName = len("Content-Transfer-Encoding")

// Repeated tells which fields a message has more often than it may, in the order
// of single. It is nil for nearly every message.
type Repeated []repetition

// repetition is a field that stands in a message more than once.
type repetition struct {
	name, lower string
	times       int
}

// FindRepeated returns what m repeats. It counts a name as a lenient reader sees
// it: such a field is covered by no signature.
func FindRepeated(m *mail.Message) Repeated {
	var times [len(single)]int
	var lower [maxSingleName]byte
	for _, f := range m.Fields {
		name := f.VisibleName()
		if len(name) > maxSingleName {
			continue
		}
		if i, ok := singleAt[string(appendLower(lower[:0], name))]; ok {
			times[i]++
		}
	}
	var repeated Repeated
	for i, n := range times {
		if n > 1 {
			repeated = append(repeated, repetition{single[i], string(appendLower(nil, single[i])), n})
		}
	}
	return repeated
}

// CheckRepeated refuses a signature that covers a field of the message, but not
// each of its instances: whoever has a signed message can put a second Subject
// above the signed one, and readers show the upper. It is Policy, and for after
// ReadNames. Names of h= that the message does not have, or not so often, are
// right: they keep others from being added. RFC 6376, Sections 5.4.2 and 8.15.
func (s *Signature) CheckRepeated(repeated Repeated) {
	for _, r := range repeated {
		covered := 0
		for _, name := range s.Names {
			if name == r.lower {
				covered++
			}
		}
		if covered > 0 && covered < r.times {
			s.Refuse(mail.Policy, "the message has %d fields %s, the signature covers %d of them", r.times, r.name, covered)
			return
		}
	}
}
