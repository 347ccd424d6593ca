package lookalike

import "mxgate/policy/mail"

// Tier says why a domain is a target, and thereby which matches may act alone.
type Tier string

const (
	// Protected is a partner or brand. There may be thousands, so that short
	// names meet strangers by chance.
	Protected Tier = "protected"
	// Own is a domain of ours. There are few, so that names of any length count.
	Own Tier = "own"
	// Site is a known correspondent. There may be a million, so that a likeness
	// is mostly chance: none of its matches may act alone.
	Site Tier = "site"
)

// Target is one domain worth imitating.
type Target struct {
	Domain mail.Domain
	Tier   Tier
}

// Class names how a domain resembles its target. Classes that occur together
// are joined in the order below: "homoglyph+tld", "idn+combo".
type Class string

// The classes. A Class is one of these or several joined with "+".
const (
	IDN       Class = "idn"       // characters of other scripts, or with marks, for letters
	Homoglyph Class = "homoglyph" // digits or ASCII sequences for letters: 1 for i, rn for m
	Edit      Class = "edit"      // one letter added, left out, replaced or swapped
	Hyphen    Class = "hyphen"    // hyphens added or left out
	TLD       Class = "tld"       // another public suffix
	Embedding Class = "embedding" // the whole target within another name
	Split     Class = "split"     // dots within the label
	Combo     Class = "combo"     // the label with words added
)

// Match is one target that a domain resembles.
type Match struct {
	Domain     mail.Domain
	Target     mail.Domain
	Tier       Tier
	Class      Class
	Confidence int    // 0-100
	Why        string // one sentence; may hold non-ASCII letters
	Alone      bool   // may quarantine without further evidence
	Unlisted   bool   // Combo: words were added that neither fraud nor firms are known to add
	Neighbours int    // other targets about one letter away: how crowded it is there
}
