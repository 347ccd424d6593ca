// Package spf says whether the host that handed over a message was allowed to
// use the domain of its reverse-path or HELO: RFC 7208, all of it.
//
// Evaluation is done by blitiri.com.ar/go/spf. This package chooses the identity
// (Section 2.4), checks the syntax of a whole record before any of it is
// evaluated (Section 4.6), expands macros (Section 7), gives the library a
// resolver whose trouble is never a permanent verdict, keeps the limits of
// Section 4.6.4, says in words what matched, and fetches the explanation of a
// fail (Section 6.2). It never judges the peer by itself: which address to check
// is the caller's knowledge.
//
// Left out: the header field of Section 9.1; and %{r} and %{t}, which only an
// explanation may hold, give "unknown".
package spf
