// Package providers answers what an operator asks about the providers in front of
// the gateway: are the sources of the configuration still right (Check), has a
// provider published other ranges (Refresh), whose customer is a domain (Detect),
// and who tried to get around the providers (NewAttempts).
//
// It tells and proposes. Nothing in it changes who is admitted: a list that was
// fetched is kept in the state file until a person accepts it, and what is
// accepted is what later lists are measured against.
package providers
