// Package dns is what policy asks of DNS: a Resolver, its answers, its error
// classes, and a Snapshot of zone text that answers like one.
//
// The resolver with sockets, cache and budget is gateway/resolve. Error classes
// follow RFC 2308: a name that does not exist, a name without such a record,
// and trouble that may pass.
package dns
