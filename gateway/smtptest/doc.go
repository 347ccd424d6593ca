// Package smtptest holds both ends of the conversations of tests and of the
// demo: a Sink is the next hop, which takes mail over a real socket and remembers
// exactly what it was sent; Play is the client.
//
// The Sink judges its client instead of forgiving it: what breaks the rules of a
// line, of the order of commands or of the extensions it has offered is written
// down as a violation. Every reply can be replaced, withheld or turned into
// garbage, and a list of Faults has it fail at any step in any way. The client can
// be cut at every octet.
//
// RFC 5321, Sections 3.3, 4.1 and 4.5.2; RFC 2920 (PIPELINING), RFC 6152
// (8BITMIME), RFC 1870 (SIZE, announced and not enforced), RFC 2033 (LMTP),
// RFC 3207 (STARTTLS), RFC 3461 (DSN parameters), RFC 6531 (SMTPUTF8), RFC 8689
// (REQUIRETLS); XCLIENT and XFORWARD as Postfix documents them. It has no AUTH
// and no disk.
package smtptest
