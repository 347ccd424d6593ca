package dkim

import (
	"bytes"
	"context"

	"mxgate/policy/mail"
	"mxgate/policy/sig"
)

// Breakage says what is broken about a signature that does not hold, as far as
// it can be proven. It tells a message that was changed on the way from one that
// the domain never signed; it never makes a signature count.
//
// "Made with the key" is proven by the signature itself, which only the holder of
// the private key can make. It does not say for which message: whoever received
// a signed message can put its signature on another.
type Breakage string

// What can be broken. The zero Breakage is "nothing, or not known": the signature
// passed, was refused, or could not be checked.
const (
	// BodyChanged: the signature holds over the signed header fields as they
	// stand, with the hash of another body. So the domain sent this header.
	BodyChanged Breakage = "body-changed"

	// HeaderChanged: the body is the one that the signature names, which was made
	// with the key, but over other header fields.
	HeaderChanged Breakage = "header-changed"

	// HeaderAndBodyChanged: the signature was made with the key, and neither
	// header nor body is what it was made over. A signature taken from another
	// message looks the same.
	HeaderAndBodyChanged Breakage = "header-and-body-changed"

	// HeaderOrKey: of Ed25519, which does not tell the two apart: header fields
	// were changed, or the signature was made with another key.
	HeaderOrKey Breakage = "header-changed-or-other-key"

	// OtherKey: the signature was not made with the published key. It is forged,
	// or the domain has replaced the key under the same selector.
	OtherKey Breakage = "other-key"

	// KeyGone: the key is not published (any more), or revoked.
	KeyGone Breakage = "key-gone"
)

// Sentences about what was compared.
const (
	whyPass       = "the signature holds"
	whyUnread     = "the message could not be read to its end"
	whyBody       = "body hash did not match: the body was changed after signing; the signed header fields were not"
	whyHeader     = "the signature does not match: header fields were changed after signing; the body was not"
	whyBoth       = "neither body hash nor signature match: the message was changed after signing, or the signature is another message's"
	whyOther      = "the signature does not match: it was made with another key"
	whyHeaderOr   = "the signature does not match: header fields were changed after signing, or it was made with another key; the body hash matches"
	whyBothOr     = "neither body hash nor signature match: the message was changed after signing, or the signature was made with another key"
	whyNotDecided = "the signature does not match"

	whyUndiagnosed = "the signature does not hold; what broke it was looked into for another one only, as its key is so large"
)

// diagnose says why a signature, which was verified and does not hold, is broken.
// It is not a second verdict: the signature stays broken if nothing is found.
func diagnose(ctx context.Context, m *mail.Message, b *sig.Body, s *signature, k sig.Key) (Breakage, string) {
	bodyHash, err := b.Hash(ctx, s.BodyCanon)
	if err != nil {
		return "", whyNotDecided
	}
	digest, made := k.Recover(s.Octets)
	if k.Recovers() && !made {
		return OtherKey, whyOther
	}
	sameBody := bytes.Equal(bodyHash, s.BodyHash)
	header := sig.HeaderHash(m, s.Signature, s.field)
	sameHeader := bytes.Equal(digest, header)
	if !k.Recovers() {
		sameHeader = k.Verify(header, s.Octets)
	}
	switch {
	case sameHeader && sameBody:
		return "", whyNotDecided
	case sameHeader:
		return BodyChanged, whyBody
	case made && sameBody:
		return HeaderChanged, whyHeader
	case made:
		return HeaderAndBodyChanged, whyBoth
	case sameBody:
		return HeaderOrKey, whyHeaderOr
	default:
		return HeaderOrKey, whyBothOr
	}
}
