// Package spf says whether the host that handed over a message was allowed to
// use the domain of its reverse-path or HELO: RFC 7208.
//
// Evaluation is done by blitiri.com.ar/go/spf. This package chooses the identity
// (Section 2.4), checks the syntax of a whole record before any of it is
// evaluated (Section 4.6), gives the library a Resolver whose trouble is never a
// permanent verdict, keeps the limits of Section 4.6.4, and says in words what
// matched. It never judges the peer by itself: which address to check is the
// caller's knowledge.
//
// Left out: the explanation of exp= (Section 6.2) is never fetched, because it is
// text of a stranger that nobody here shows; %{p} expands to "unknown"
// (Section 7.3 permits it). The HELO identity is checked only when the
// reverse-path has no domain.
package spf
