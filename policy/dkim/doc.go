// Package dkim says which domains signed a message and whether their signatures
// hold: RFC 6376, with RFC 8301 (no SHA-1, no short keys), RFC 8463 (Ed25519) and
// RFC 8616 (internationalised names). Of one that does not hold it says what is
// broken, as far as that can be proven: Breakage.
//
// This package chooses at most five signatures, those that may be aligned first,
// and refuses before any question to DNS what cannot or must not pass; package sig
// reads tags, keys and canonical forms. Short messages are verified by
// go-msgauth/dkim, which is shown one signature with the fields it covers. Longer
// ones, for which it needs four times the time and copies runs of folds and of
// empty lines again and again, and what it is known to misread, are verified here
// (exact.go); tests and a fuzz target hold the two to the same verdict. No more
// than the header section and small buffers is held, about 2 MB at worst. A longer
// body is read at most twice, once for each canonicalization.
//
// The keys are asked for side by side and have ten seconds together. What key
// records say is remembered by their text.
//
// It never says whether a signing domain has anything to do with the author:
// that is alignment, and DMARC's. Several From fields are the business of the
// author's parser. Left out: z= (copies of fields, diagnostics only), q= other
// than dns/txt, and body hashes over a part of the body (l=), which never pass.
package dkim
