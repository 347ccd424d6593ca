package dkim

import (
	"context"
	"crypto/subtle"

	"mxgate/policy/mail"
	"mxgate/policy/sig"
)

// verifyExact verifies s without the library: RFC 6376, Sections 3.7 and 6.1.3.
// It is for all but short bodies, and for the few signatures that the library
// judges by something else than the signature; on all others both agree, and
// a test holds them to it.
func verifyExact(ctx context.Context, m *mail.Message, s *signature, k sig.Key, b *sig.Body) (mail.Status, string) {
	bodyHash, err := b.Hash(ctx, s.BodyCanon)
	switch {
	case err != nil:
		return mail.TempError, whyUnread
	case subtle.ConstantTimeCompare(bodyHash, s.BodyHash) != 1:
		return mail.Fail, ""
	case !k.Verify(sig.HeaderHash(m, s.Signature, s.field), s.Octets):
		return mail.Fail, ""
	}
	return mail.Pass, whyPass
}
