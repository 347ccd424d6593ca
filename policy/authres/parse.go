package authres

// Limits of what Parse reads: far more than any honest field holds.
const (
	maxParseOctets = 16 << 10
	maxMethods     = 64
	maxProperties  = 32 // of one method
	maxComment     = 200
)

// The version of the syntax and of each method that is known here.
const knownVersion = 1

// Field is the value of an Authentication-Results field, read.
type Field struct {
	// ID is the authserv-id as written, without quotes; "" if there is none.
	ID      string
	Version int      // 0: not stated, which means 1
	None    bool     // it says "none": nothing was checked
	Methods []Method // in their order
	Defects []string // what is not as RFC 8601 has it, each once
	Index   int      // of the field in Message.Fields, if Trusted found it
}

// Defects that Parse notes: habits of real writers that leave no doubt about
// what is meant. Anything else is ErrSyntax.
const (
	DefectNoID      = "no authserv-id"
	DefectSecondID  = "authserv-id again among the results"
	DefectNoResults = "neither results nor none"
	DefectEmpty     = "empty result between semicolons"
	DefectNoResult  = "method without result"
	DefectNoType    = "property without type"
	DefectNoValue   = "property without value"
	DefectUnquoted  = "value that needs quotes"
	DefectName      = "name that is no keyword"
	DefectReason    = "reason behind properties"
)

// Parse reads the value of an Authentication-Results field, folded or not.
//
// It takes RFC 8601, Section 2.2 by the letter, comments and quotes included,
// and what real writers do beside it as listed at the defects: Microsoft leaves
// the authserv-id out, others repeat it, end with ";" or leave a value unquoted.
// Of doubtful fields it reads nothing and returns ErrSyntax. Names and results
// come in lower case, values as they are meant, without quotes: they may hold
// anything but controls, and are no more to be trusted than their writer.
//
// What stands behind the instance in ARC-Authentication-Results is such a value
// too. RFC 8617, Section 4.1.1.
func Parse(value string) (Field, error) {
	p, err := newParser(value)
	if err != nil {
		return Field{}, err
	}
	return p.payload()
}

// Sole returns the result of the method that f has under that name, and false
// if there is none, more than one, or one of a version that is not known here.
// Of several one may have come with a value that the client chose.
func (f Field) Sole(name string) (Method, bool) {
	var found *Method
	for i := range f.Methods {
		if f.Methods[i].Name != name {
			continue
		}
		if found != nil {
			return Method{}, false
		}
		found = &f.Methods[i]
	}
	if found == nil || !isKnownVersion(found.Version) {
		return Method{}, false
	}
	return *found, true
}

func isKnownVersion(v int) bool { return v == 0 || v == knownVersion }
