// Package relay is the SMTP client of the gateway: it hands a message to the
// next hop while our own client waits, and says exactly what became of it.
//
// It connects, keeps connections for the next message, puts MAIL, each RCPT and
// the content to the next hop, and passes its replies on. What is not a reply is
// a Failure of a closed list of classes, the rows R3 to R11 of the gateway's
// duties; only with those may the caller answer. Content leaves through one
// writer that changes nothing but the dots that transparency demands.
//
// It never decides about a message, never queues, never logs and never sends a
// bounce. RFC 5321, Sections 3.3, 4.1, 4.2, 4.5.2 and 4.5.3; RFC 1870 (SIZE),
// RFC 2034 and RFC 3463 (enhanced codes), RFC 2920 (PIPELINING), RFC 6152
// (8BITMIME). Left out: STARTTLS, AUTH, SMTPUTF8, DSN, CHUNKING.
package relay
