// Package thread reads what a message says about the conversation it belongs to:
// the ids it cites, the prefix of its subject, everybody it shows beside its
// author, in the header and in what it quotes, and the accounts it names.
//
// A stolen conversation is told from a real one by who takes part (LOOKALIKE,
// Sections 3 and 5), so this room asks "of whom?". It compares nothing and
// believes nothing: all it returns is the sender's word, which may be evidence
// against a message and never for one. What is quoted is told apart from what is
// the author's own only as well as a reader could; a sender may present his own
// text as quoted, so QuotedAccounts deserve a look, too. Of Reply-To, To and Cc, all
// that any mail program may read counts.
//
// RFC 5322, Sections 3.4 (address lists), 3.6.4 (ids) and 3.6.5 (prefixes), with
// the obsolete forms of Section 4; RFC 2919 and RFC 2369 (List fields); ISO 13616
// and ISO 7064 (IBANs). Quoted headers have no standard: labels and phrases are
// those that Outlook, Gmail, Apple Mail and Thunderbird write, in English, German,
// French, Norwegian, Danish, Swedish, Spanish, Italian, Portuguese, Dutch, and in
// part Finnish, Polish, Czech, Russian, Hungarian, Turkish, Chinese and Japanese.
//
// Left out: attached files, images, style sheets that hide or show text (an
// element's own style is heeded), names without an address.
package thread
