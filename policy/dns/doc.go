// Package dns is what policy asks of DNS: a Resolver, its answers, its error
// classes, and a Snapshot of zone text that answers like one. Limited and Traced are
// Resolvers around another. A TLSAResolver is what the relay asks for DANE.
//
// The resolver with sockets, cache and budget is gateway/resolve. Error classes
// follow RFC 2308: a name that does not exist, a name without such a record,
// and trouble that may pass; ErrBogus is a cause of the last (RFC 4033, Section
// 5). TLSA records: RFC 6698, Section 2.
package dns
