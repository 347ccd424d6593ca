package gateway

import (
	"errors"
	"fmt"
	"strings"

	"mxgate/gateway/relay"
)

// nameless is err, which may come from a next hop, for the log: of an answer the codes,
// and else what happened in words of ours, of Go or of the system.
//
// The words of a next hop are left out. They name the mailbox, whole or in part, cut
// off, without its tag, or in another encoding: what to mask in them cannot be known.
// The journal has them, for those who may see addresses. STYLE, Section 7.
func nameless(err error) string {
	f, failed := errors.AsType[*relay.Failure](err)
	switch {
	case !failed && errors.Is(err, relay.ErrAddress): // may quote it
		return relay.ErrAddress.Error()
	case !failed:
		return err.Error()
	}
	text := "relay: " + string(f.Class)
	if f.Host != "" {
		text += ": " + f.Host
	}
	switch {
	case f.Reply.Code != 0:
		text = strings.TrimRight(fmt.Sprintf("%s: %d %s", text, f.Reply.Code, f.Reply.Enhanced), " ")
	case f.Err == nil:
	case f.Class == relay.Connect, f.Class == relay.Resolve, f.Class == relay.TLS:
		why, _, _ := strings.Cut(f.Err.Error(), "; and relay: ") // with what other hosts of the route said
		text += ": " + why
	default:
		text += ": " + innermost(f.Err).Error()
	}
	return text
}

// innermost is the cause of an error of package relay. What is around it may quote the
// next hop.
func innermost(err error) error {
	for {
		var inner error
		switch e := err.(type) {
		case interface{ Unwrap() error }:
			inner = e.Unwrap()
		case interface{ Unwrap() []error }: // "marked down ..., the last: ..."
			all := e.Unwrap()
			inner = all[len(all)-1]
		}
		if inner == nil {
			return err
		}
		err = inner
	}
}

// withoutAnswer is the text of an error without the answer to the client that it ends
// with: those may be the next hop's words, and its codes are in the log beside it.
func withoutAnswer(text, answer string) string {
	oneLine := func(s string) string { return strings.Join(strings.Fields(s), " ") }
	rest, repeated := strings.CutSuffix(oneLine(text), oneLine(answer))
	if answer == "" || !repeated {
		return text
	}
	return strings.TrimRight(rest, " :")
}
