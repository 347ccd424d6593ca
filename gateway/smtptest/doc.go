// Package smtptest holds the mail server of tests and of the demo: a Sink takes
// mail over a real socket and remembers exactly what it was sent.
//
// It judges its client instead of forgiving it: what breaks the rules of a line
// or of the order of commands is written down as a violation. Every reply can be
// replaced, withheld or turned into garbage. RFC 5321, Sections 3.3, 4.1 and
// 4.5.2; RFC 2920 (PIPELINING), RFC 6152 (8BITMIME), RFC 1870 (SIZE, announced
// and not enforced). It has no TLS, no AUTH and no disk.
package smtptest
