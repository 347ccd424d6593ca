// Package syntax parses what a client says in one command line: verbs, names,
// paths, parameters, and the attributes of XCLIENT and XFORWARD. It holds no
// state and answers nobody: what is wrong with a line is an error of this
// package, as it is and never wrapped.
//
// RFC 5321, Section 4.1 (commands, paths); RFC 1870 (SIZE); RFC 6152 (BODY); RFC
// 6531, Section 3.4 (SMTPUTF8); RFC 3461, Section 4 and RFC 6533, Section 3 (DSN
// parameters); RFC 8689 (REQUIRETLS); Postfix's XCLIENT and XFORWARD.
package syntax

import "errors"

// What is wrong with a command.
var (
	ErrArgument         = errors.New("syntax: bad argument")
	ErrSender           = errors.New("syntax: bad reverse-path")
	ErrRecipient        = errors.New("syntax: bad forward-path")
	ErrNeedsUTF8        = errors.New("syntax: address needs SMTPUTF8")
	ErrUnknownParameter = errors.New("syntax: parameter that was not announced")
	ErrParameterValue   = errors.New("syntax: bad parameter value")
	ErrTooLarge         = errors.New("syntax: SIZE exceeds the limit")
)

// Terms are what a session was told that it may use. The zero Terms are those
// of HELO.
type Terms struct {
	Extended                                bool // by EHLO: SIZE may be used
	EightBitMIME, SMTPUTF8, DSN, RequireTLS bool
	MaxOctets                               int64 // of a message
}
