// Package resolve is the dns.Resolver with sockets: it asks the configured
// recursive servers, checks what comes back, keeps answers for as long as their
// TTL allows, asks each question once however many wait for it, and counts
// questions against the budget of the message that caused them.
//
// It never decides anything about mail, never asks authoritative servers itself
// and never validates DNSSEC: the AD bit is believed only when Config.TrustAD
// says that the path to the servers can be trusted (RFC 6840, Section 5.8). It
// then tells what is bogus from what is broken: dns.ErrBogus.
//
// Only records of the name asked for, or of the end of its chain of aliases, are
// used; nothing is ever kept under another name than the one asked for. So records
// that a server slips in beside the answer reach nobody.
//
// RFC 1034 and 1035 (messages, CNAME), RFC 2181, Sections 5.2, 8 and 10 (TTL,
// aliases), RFC 2308, Sections 2, 5 and 7 (negative answers), RFC 5452, Section 9
// (random id and port), RFC 6698, Section 2 (TLSA), RFC 6891 (EDNS0), RFC 7766,
// Section 5 (TCP after TC), RFC 9520, Section 3.2 (failures kept for a second).
//
// Left out: 0x20 and cookies, as socket, port and id of each question are its own
// and the ninth guess leads to TCP; DNS over TLS, as the servers stand on this
// machine or beside it. Stale answers (RFC 8767) are not served: they would keep a
// key or policy alive that its owner withdrew, for whoever can silence the owner's
// servers, while a failure costs the sender's side only another try.
package resolve
