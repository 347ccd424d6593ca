// Package wire owns the sockets of inbound SMTP: it admits connections, ends
// TLS, reads command lines and message content strictly, and keeps every limit
// of time and size. It decides nothing about mail.
//
// The SMTP server behind it is github.com/emersion/go-smtp. A [Listener] is
// what its Serve is given, and a [Conn] is what it reads: one complete, checked,
// canonical command line per Read, and never a byte of content. What go-smtp
// answers passes through one filter, which also tells a Conn where the session
// stands. So a stalled body cannot become commands, a cut line is never
// executed, and what we offer is what our own table says.
//
// What reads octets and knows no connection stands in rooms of its own: framing
// (lines, content and its memory), syntax (commands), proxy (the header of a
// balancer).
//
// RFC 5321, Sections 2.3.8, 3.1 to 3.3, 4.1 to 4.3 and 4.5 (lines, commands,
// order, limits); RFC 2920 (pipelining); RFC 3207 (STARTTLS); RFC 1870 (SIZE);
// RFC 6152 (8BITMIME); RFC 6531 (SMTPUTF8); RFC 3461 and RFC 6533, Section 3
// (DSN parameters); RFC 8689 (REQUIRETLS); RFC 2034 (enhanced codes); RFC 9422
// (LIMITS); Postfix's XCLIENT and XFORWARD. What the next hop must support is
// offered only where [Config.Offer] says so. Left out, and refused: CHUNKING,
// AUTH and every extension not named here.
package wire
