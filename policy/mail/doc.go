// Package mail holds what every room knows about a message: domains, addresses,
// the envelope, the raw header fields in their order, the body, and the
// transaction that carried them.
//
// It parses and bounds; it decides nothing, opens nothing and reads no clock.
// RFC 5321, Sections 2.3 and 4.1.2 (paths), RFC 5322, Sections 2 and 3.4
// (fields, addresses), RFC 6531 (SMTPUTF8 mailboxes), RFC 2047 (encoded words).
// MIME structure is walked to bound it, never decoded.
package mail
