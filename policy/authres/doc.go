// Package authres writes the Authentication-Results field of this gateway and
// recognises fields that pretend to be ours.
//
// It covers RFC 8601, Section 2.2 (syntax; comments and method versions are
// read over, never written), Section 2.7 (result words) and Section 5 (removal
// of fields with our authserv-id). It does not read the results of others.
package authres
