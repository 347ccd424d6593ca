// Package sig reads and checks what DKIM and ARC signatures have in common:
// tag-lists, the tags that both use, canonical forms and hashes of header and
// body, key records, and RSA and Ed25519 signatures. RFC 6376, Sections 3.2 to
// 3.7 and 6.1, with RFC 8301 (no SHA-1, no short keys), RFC 8463 (Ed25519) and
// RFC 8616 (internationalised names); RFC 8617, Section 4.1 builds on the same. A
// signature that covers one of several Subject fields, say, and not each of them
// does not count: RFC 6376, Section 8.15.
//
// It never says which signatures count: how many are evaluated, which tags each
// kind must and must not have and what their results mean is the business of
// packages dkim and arc. Left out: q= other than dns/txt, and body hashes over a
// part of the body (l=).
package sig
