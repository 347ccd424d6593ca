// Package ranges knows where e-mail providers publish the addresses they deliver
// from, reads what stands there, and keeps what was accepted of it: SPF records
// (RFC 7208, Sections 5 and 6.1) and host names through a dns.Resolver, documents
// as text.
//
// What is published is a proposal. Whoever controls a provider's DNS or web page
// would control who may deliver to us, so a new list has no effect until a person
// accepts it; one that is empty, too wide, or far larger or smaller than the last
// good one says so (State). A list is whole or it is an error: trouble with DNS
// never makes a shorter one.
//
// Of SPF it reads which addresses a record names, it does not judge a client:
// exists, ptr and macros name none, and are told as Unread. It opens nothing and
// reads no clock.
package ranges
