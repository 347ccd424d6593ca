// Package authres writes the Authentication-Results field of this gateway, reads
// those of others, and recognises fields that pretend to be ours.
//
// It covers RFC 8601, Section 2.2 (syntax), Section 2.7 (result words) and
// Section 5 (removal of fields with our authserv-id), and of RFC 8617, Section
// 4.1.1 the payload of ARC-Authentication-Results.
//
// Format writes little and nothing that a simple reader could take for more.
// Parse reads by the letter and names each of the few habits of real writers
// that it lets pass. Trusted says which fields of a message a provider wrote;
// what stands in them is its claim, and values in it may come from the client.
// The package evaluates no method and believes no result.
package authres
