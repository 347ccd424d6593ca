package trace

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"

	"mxgate/policy/mail"
)

// maxRecipients bounds the recipients that are told of one message.
const maxRecipients = 20

// maxAddressText bounds the text that is searched for recipients.
const maxAddressText = 16 << 10

// recipients are those that our own servers noted, else those of the header that
// are in domains of ours.
func (j *judgement) recipients() []mail.Address {
	var found []mail.Address
	add := func(text string) {
		a, err := mail.ParseMailbox(text)
		if err != nil || !j.t.config.ownDomain(a.Domain) || slices.Contains(found, a) || len(found) == maxRecipients {
			return
		}
		found = append(found, a)
	}
	for i := range j.hops {
		for _, path := range j.hops[i].For {
			if j.own[i] {
				add(path)
			}
		}
	}
	fields := []string{"Delivered-To", "X-Original-To", "Envelope-To"}
	if len(found) == 0 && j.at >= 0 { // above the border we wrote them
		for _, f := range j.m.Fields[:j.hops[j.at].Field] {
			if slices.ContainsFunc(fields, f.Is) {
				add(strings.Trim(f.Value(), "<> "))
			}
		}
	}
	for _, name := range []string{"To", "Cc"} {
		if len(found) > 0 {
			break
		}
		value := j.m.First(name)
		for word := range strings.FieldsFuncSeq(value[:min(len(value), maxAddressText)], func(r rune) bool { return strings.ContainsRune(" \t,;:<>()\"", r) }) {
			if strings.Contains(word, "@") {
				add(word)
			}
		}
	}
	return found
}

// mask replaces local parts by pseudonyms. One address has one pseudonym as long
// as the mask lives; who has no key cannot try names.
type mask struct{ key [32]byte }

func newMask() *mask {
	m := new(mask)
	rand.Read(m.key[:])
	return m
}

// address is a as it is shown; a nil mask shows it as it is.
func (m *mask) address(a mail.Address) string {
	if m != nil && a.Local != "" {
		h := hmac.New(sha256.New, m.key[:])
		h.Write([]byte(strings.ToLower(a.Local)))
		a.Local = "p-" + hex.EncodeToString(h.Sum(nil)[:5])
	}
	return quoted(a.String())
}
