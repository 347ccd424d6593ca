package relay

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"mxgate/gateway/wire/syntax"
	"mxgate/policy/mail"
)

const (
	// sizeRoom is what our header block may add to the declared size, F5.
	sizeRoom = 16 << 10
	// maxEnvid and maxOrcpt bound the values as sent. RFC 3461, Section 4.4, and
	// Section 4.2 with Section 5.4 on the length of the command line.
	maxEnvid = 100
	maxOrcpt = 500
)

// path serialises a for a command, without angle brackets.
//
// What would not be read back as the same address is refused: a client must not
// be able to write a second command or a parameter through its address. What is
// not ASCII needs SMTPUTF8 with the message: RFC 6531, Section 3.4.
func path(a mail.Address, utf8 bool) (string, error) {
	s := a.String()
	for i := 0; i < len(s); i++ {
		if s[i] < ' ' || s[i] == 0x7f || s[i] > 0x7f && !utf8 {
			return "", fmt.Errorf("%w: octet %#x", ErrAddress, s[i])
		}
	}
	if back, rest, err := mail.ParsePath("<" + s + ">"); err != nil || rest != "" || back != a {
		return "", ErrAddress
	}
	return s, nil
}

// sender is what MAIL says.
type sender struct {
	path string
	env  mail.Envelope // but for its recipients
}

func newSender(env mail.Envelope) (sender, error) {
	s, err := path(env.ReversePath, env.UTF8)
	if err == nil && len(mail.EncodeXtext(env.EnvelopeID)) > maxEnvid {
		err = fmt.Errorf("%w: ENVID of %d octets", ErrAddress, len(env.EnvelopeID))
	}
	if err == nil && env.Return != "" && env.Return != mail.ReturnFull && env.Return != mail.ReturnHeaders {
		err = fmt.Errorf("%w: RET=%q", ErrAddress, env.Return)
	}
	return sender{path: s, env: env}, err
}

// command is MAIL with the parameters that are offered. It fails where the
// message may not go without one that is missing.
func (s *sender) command(offered *Capabilities) (string, error) {
	env := &s.env
	switch {
	case !offered.SMTPUTF8 && !env.ReversePath.IsASCII():
		return "", &Failure{Class: UTF8Lost, Err: errors.New("the reverse-path is not ASCII")}
	case env.RequireTLS && !offered.keepsTLS():
		return "", &Failure{Class: TLSLost}
	}
	command := "MAIL FROM:<" + s.path + ">"
	if offered.Size && env.SizeOctets > 0 {
		command += " SIZE=" + strconv.FormatUint(uint64(env.SizeOctets)+sizeRoom, 10)
	}
	if offered.EightBitMIME && env.Body == mail.Body8BitMIME {
		command += " BODY=8BITMIME"
	}
	if offered.SMTPUTF8 && env.UTF8 {
		command += " SMTPUTF8"
	}
	if env.RequireTLS {
		command += " REQUIRETLS"
	}
	if offered.DSN && env.Return != "" {
		command += " RET=" + string(env.Return)
	}
	if offered.DSN && env.EnvelopeID != "" {
		command += " ENVID=" + mail.EncodeXtext(env.EnvelopeID)
	}
	return command, nil
}

// recipient is what RCPT says.
type recipient struct {
	path string
	dsn  string // parameters of RFC 3461, each behind a space
	utf8 bool   // path is not ASCII
}

func newRecipient(a mail.Address, dsn mail.RecipientDSN, utf8 bool) (recipient, error) {
	to, err := path(a, utf8)
	if err == nil && to == "" {
		err = ErrAddress
	}
	if err != nil {
		return recipient{}, err
	}
	r := recipient{path: to, utf8: !a.IsASCII()}
	if dsn.Notify != "" {
		if !isNotify(dsn.Notify) {
			return recipient{}, fmt.Errorf("%w: NOTIFY=%q", ErrAddress, dsn.Notify)
		}
		r.dsn = " NOTIFY=" + dsn.Notify
	}
	if dsn.Original != "" {
		orcpt := dsn.OriginalType + ";" + mail.EncodeXtext(dsn.Original)
		if !syntax.IsAtom(dsn.OriginalType) || len(orcpt) > maxOrcpt {
			return recipient{}, fmt.Errorf("%w: ORCPT=%.80q", ErrAddress, orcpt)
		}
		r.dsn += " ORCPT=" + orcpt
	}
	return r, nil
}

// command is RCPT with the parameters that are offered; it fails as MAIL does.
func (r *recipient) command(offered *Capabilities) (string, error) {
	if r.utf8 && !offered.SMTPUTF8 {
		return "", &Failure{Class: UTF8Lost, Err: errors.New("the forward-path is not ASCII")}
	}
	if offered.DSN {
		return "RCPT TO:<" + r.path + ">" + r.dsn, nil
	}
	return "RCPT TO:<" + r.path + ">", nil
}

// isNotify reports whether s is a value of NOTIFY. RFC 3461, Section 4.1.
func isNotify(s string) bool {
	if s == "NEVER" {
		return true
	}
	for event := range strings.SplitSeq(s, ",") {
		if event != "SUCCESS" && event != "FAILURE" && event != "DELAY" {
			return false
		}
	}
	return true
}
