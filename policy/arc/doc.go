// Package arc says whether the Authenticated Received Chain of a message holds,
// and what each of its sealers claims to have seen: RFC 8617, Sections 4 and 5.2,
// on the signatures of package sig.
//
// A chain that holds proves nothing but who wrote it: anybody can begin one and
// claim what he likes. It never says whose claims count; Result.OldestPass tells
// which of them still concern the message as it is.
//
// What costs nothing is checked first: structure, tags, and how much work and how
// many questions the chain asks for. Then come the hash of the body, the newest
// message signature with its key, the seals with theirs, and, if all of them
// hold, the older message signatures. The body is read at most once for each
// canonicalization; header fields are hashed as they stand.
//
// Left out: sealing, and what only a sealer needs (Section 5.1). Deviation: the
// chain holds only with From in h= of its message signature, with keys of 1024
// to 8192 bits, and without l=, as in package dkim; and only if it needs no more
// than 20 keys and the work of 320 checks of an RSA-2048 signature.
package arc
