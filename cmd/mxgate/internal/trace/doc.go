// Package trace finds out of stored mail which way each message came: through
// the provider in force, through one that was left behind, or past both.
//
// Unlike the gateway, which knows its client, it has only text: headers that
// machines wrote which we may not control. So every verdict has its evidence with
// weights, a confidence, and a reason where there is none. What it does is
// TRACE.md, Section 8, in this order: find the newest hop at which somebody else
// handed the message to us; take that client's address and the time; compare both
// with the history of providers; let the provider's own hop, ARC, results of our
// own and the log of our server confirm or contradict.
//
// What stands below that hop was sent by the client and proves nothing about
// itself. Only the hops of a provider whose client it was are read on, to name
// the original client. SPF, DKIM and DMARC are not evaluated: the results that
// our own servers wrote are quoted. RFC 5321, Section 4.4; RFC 8601; RFC 8617.
package trace
