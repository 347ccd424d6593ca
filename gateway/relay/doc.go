// Package relay is the SMTP and LMTP client of the gateway: it hands a message to
// the next hop while our own client waits, and says exactly what became of it.
//
// It finds the first host of a route that is up, makes the connection as secure
// as the route demands, keeps it for the next message, puts MAIL, each RCPT and
// the content to the next hop, and passes its replies on. What is not a reply is
// a Failure of a closed list of classes, the rows R3 to R11 of the gateway's
// duties; only with those may the caller answer. Parameters are written anew from
// what the client asked for, and only where they are offered. Content leaves
// through one writer that changes nothing but the dots that transparency demands.
//
// It never decides about a message, never queues, never logs and never sends a
// bounce. RFC 5321, Sections 3.3, 4.1, 4.2, 4.5.2 and 4.5.3; RFC 1870 (SIZE),
// RFC 2033 (LMTP, one recipient at a time), RFC 2034 and RFC 3463 (enhanced
// codes), RFC 2920 (PIPELINING), RFC 3207 (STARTTLS), RFC 3461 (DSN), RFC 6152
// (8BITMIME), RFC 6531 (SMTPUTF8), RFC 7672 (DANE), RFC 8689 (REQUIRETLS); and
// XFORWARD and XCLIENT as Postfix documents them. Left out: AUTH, CHUNKING.
package relay
