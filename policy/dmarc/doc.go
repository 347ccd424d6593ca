// Package dmarc decides whether an author domain is backed by an aligned SPF or
// DKIM result, and which policy its owner publishes for the case that it is not.
// It tells what an aggregate report would say of that.
//
// It follows RFC 9989: the record (Section 4.7), the DNS Tree Walk (Section
// 4.10), policy discovery (Section 4.10.1) and identifier alignment (Section
// 4.10.2). It never reads a message, never decides a disposition and sends no
// reports (RFC 9990, RFC 9991); pct of RFC 7489 is told and has no effect, rf
// and ri are ignored.
package dmarc
