package authres

import (
	"strings"

	"mxgate/policy/mail"
)

// maxTrusted bounds the fields that are read of one message.
const maxTrusted = 16

// Trusted returns the fields that a provider wrote, newest first, at most 16.
//
// below is the index in m.Fields of the Received field that the provider's
// border wrote (received.Origin.Field). Fields are prepended, so all that stands
// above it was written by the provider, and all below it may have come from the
// client, whatever authserv-id it bears and even where no Received of the client
// follows. A negative below, for no known border, selects nothing. SMTP-DUTIES B5.
//
// ids are the authserv-ids of the provider; case and the two forms of a name in
// other scripts do not matter, all else does: a near miss is not the provider.
// The id "" selects fields without one. Fields that cannot be read or are of
// another version of the syntax are left out.
func Trusted(m *mail.Message, below int, ids []string) []Field {
	var found []Field
	read := 0
	for i := 0; i < min(below, len(m.Fields)) && read < maxTrusted; i++ {
		if !m.Fields[i].Is("Authentication-Results") {
			continue
		}
		read++
		f, err := Parse(m.Fields[i].Value())
		if err != nil || !isKnownVersion(f.Version) || !f.isBy(ids) {
			continue
		}
		f.Index = i
		found = append(found, f)
	}
	return found
}

// isBy reports whether f bears one of ids.
func (f Field) isBy(ids []string) bool {
	for _, id := range ids {
		if strings.EqualFold(f.ID, id) {
			return true
		}
		ours, err := mail.ParseDomain(id)
		if theirs, bad := mail.ParseDomain(f.ID); err == nil && bad == nil && ours == theirs {
			return true
		}
	}
	return false
}
