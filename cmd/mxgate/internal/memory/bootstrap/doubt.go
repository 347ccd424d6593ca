package bootstrap

import (
	"mxgate/policy"
	"mxgate/policy/lookalike"
	"mxgate/policy/mail"
	"mxgate/policy/received"
)

// Doubt is why it is not believed that a message is from whom it shows.
type Doubt int

// The doubts, from the farthest from proof to the nearest.
const (
	NoResults  Doubt = iota // nobody noted anything on it
	NoSource                // no source is configured whose notes would count
	Elsewhere               // our servers' lines do not show that it came from a source
	Borderless              // no line of a server of ours says who handed it over, and the trace does not tell it surely
	Unnoted                 // nothing on DMARC stands above the border under an id that is believed
	Failed                  // it was noted that DMARC did not pass for the author
	believed
)

// doubted says whether the provider wrote that DMARC passed for the author, where
// only it could write. Without an address that one of our servers saw, the trace
// must be of a kind that the catalogue knows.
func doubted(e *policy.Evidence, b border) Doubt {
	surely := e.Origin.Confidence == string(received.High) || e.Origin.Confidence == string(received.Medium)
	switch {
	case b == elsewhere:
		return Elsewhere
	case b == claimed && !surely:
		return Borderless
	case b == seen && e.Origin.IP == "", e.Path.Verdict != policy.ViaCurrent:
		return Elsewhere
	}
	author := lookalike.Registrable(e.Author.Domain)
	doubt := Unnoted
	for _, s := range e.Provider {
		if s.Method != "dmarc" || s.Via != policy.ViaField {
			continue
		}
		if s.Result != mail.Pass || author == "" || lookalike.Registrable(s.Domain) != author {
			return Failed // of several one may be about a domain that the client chose
		}
		doubt = believed
	}
	return doubt
}
