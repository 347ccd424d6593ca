// Package dkim says which domains signed a message and whether their signatures
// hold: RFC 6376, with RFC 8301 (no SHA-1, no short keys), RFC 8463 (Ed25519) and
// RFC 8616 (internationalised names).
//
// Hashing and the check against the key are done by go-msgauth/dkim. This package
// chooses at most five signatures, refuses before any question to DNS what cannot
// or must not pass, fetches and judges the key, and shows the library one
// signature with the fields it covers. What the library is known to misread, and
// large bodies, which it may hold whole, are verified here instead (exact.go). No
// more than the header section and small buffers is held, about 2 MB at worst. A
// large body is read at most twice, once for each canonicalization.
//
// The keys are asked for side by side and have ten seconds together.
//
// It never says whether a signing domain has anything to do with the author:
// that is alignment, and DMARC's. Several From fields are the business of the
// author's parser. Left out: z= (copies of fields, diagnostics only), q= other
// than dns/txt, and body hashes over a part of the body (l=), which never pass.
package dkim
