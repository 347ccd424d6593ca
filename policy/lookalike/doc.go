// Package lookalike decides whether a domain imitates one that we protect, how
// sure that is, and says why in one sentence.
//
// A domain is compared with own and protected domains, at most 10,000, on what
// a reader sees: characters of other scripts and digits that pass for letters,
// one typed edit, hyphens, another ending, a word added to the brand, the
// whole domain used inside another name. The answer is a list of matches, each
// with a class, a confidence and whether the match may act on its own.
//
// Here "looks like" is a fact about two names. Whether the sender is known,
// writes in a thread of the target or proves ownership is decided elsewhere,
// and so is what happens to the message. Nothing here asks the DNS, and no
// popularity list is consulted: how common a brand word is, is judged by the
// targets themselves and a short list of words.
//
// Unicode Technical Standard #39, Section 4 (confusable detection) gives the
// prototypes; its restriction levels (Section 5.2) are left out, because mixed
// script alone says nothing about whom a name imitates. Not found by design:
// two or more typed edits, numbers written as words, half of a brand. For names
// of people there is the folding alone (Skeleton).
package lookalike
