package wire

import (
	"errors"

	"mxgate/gateway/fault"
	"mxgate/gateway/wire/syntax"
	"mxgate/policy/mail"
)

// count charges a command to the budget and executes it.
func (c *Conn) count(line []byte) {
	verb, arg := syntax.CutVerb(string(line))
	if verb == "RCPT" && c.mailOpen && c.tried < c.l.cfg.MaxRecipients {
		c.tried++ // a long list of recipients is progress
	} else {
		c.commands++
	}
	if c.commands > c.l.cfg.MaxCommands {
		c.stop(tooManyCommands, "error")
		return
	}
	c.execute(verb, arg)
}

// execute answers a command, or makes it the line go-smtp reads next. Order is
// kept: go-smtp asks for a line only after it has answered the one before.
func (c *Conn) execute(verb, arg string) {
	switch verb {
	case "EHLO", "HELO":
		c.hello(verb, arg)
	case "MAIL":
		c.mail(arg)
	case "RCPT":
		c.rcpt(arg)
	case "DATA":
		c.data(arg)
	case "RSET", "QUIT":
		c.bare(verb, arg)
	case "STARTTLS":
		c.upgrade(arg)
	case "NOOP":
		c.say(ok)
	case "VRFY":
		c.say(cannotVRFY)
	case "HELP":
		c.say(help)
	case "BDAT":
		// A client that sends chunks unasked does not wait for the answer: what
		// follows is content, and must not be read as commands.
		c.say(noChunks)
	case "EXPN", "ETRN", "ATRN", "TURN", "AUTH", "SEND", "SOML", "SAML", "BURL":
		c.say(notOffered)
	case "XCLIENT":
		c.xclient(arg)
	case "XFORWARD":
		c.xforward(arg)
	case "GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH":
		c.say(notHTTP)
	default:
		c.say(unknownCommand)
	}
}

// endsGroup reports whether nothing was sent behind a command that a client
// must send last, RFC 2920, Section 3.1. Who sends on either guesses our answer
// or has lost step: what follows may be content or a stranger's.
func (c *Conn) endsGroup() bool {
	if len(c.in.Unread()) > 0 {
		c.say(talksTooEarly)
		return false
	}
	return true
}

func (c *Conn) hello(verb, arg string) {
	switch {
	case !c.endsGroup():
	case !syntax.ValidHelo(arg):
		c.say(badArgument)
	default:
		c.forward(Command{Verb: verb, Helo: arg})
	}
}

func (c *Conn) mail(arg string) {
	if c.helo == "" || c.mailOpen {
		c.say(badSequence)
		return
	}
	cmd, err := c.terms.allowed().ParseMail(arg)
	switch {
	case c.l.cfg.RequireTLS && c.tls == nil:
		c.refuseMail(cmd, ErrNoTLS, needsTLS)
	case errors.Is(err, syntax.ErrTooLarge):
		c.refuseMail(cmd, ErrTooLarge, tooLarge)
	case err != nil:
		c.say(refusals[err])
	case !c.l.roomFor(cmd.Size):
		c.refuseMail(cmd, ErrSpool, spoolFull)
	default:
		c.takeTurn()
		c.forward(cmd)
	}
}

// MailRefused is a MAIL that was refused before a transaction began.
type MailRefused struct {
	Client      mail.Client
	ReversePath mail.Address // the null one, too, where it could not be read
	Declared    int64        // octets that SIZE says; 0: it was not given
	Limit       int64        // octets of a message in this session
	Why         error        // ErrTooLarge, ErrSpool: the disk has no room, or ErrNoTLS
	Code        int          // of the reply
	Enhanced    string
}

// refuseMail refuses a message of which nothing has come.
func (c *Conn) refuseMail(cmd Command, why error, r *reply) {
	c.l.cfg.OnMailRefused(MailRefused{Client: c.Client(), ReversePath: cmd.Path, Declared: cmd.Size, Limit: c.terms.MaxOctets, Why: why, Code: r.code, Enhanced: r.enhanced})
	c.say(r)
}

func (c *Conn) rcpt(arg string) {
	if !c.mailOpen {
		c.say(badSequence)
		return
	}
	cmd, err := c.terms.allowed().ParseRcpt(arg, c.utf8)
	switch {
	case err != nil:
		c.say(refusals[err])
	case c.rcpts >= c.terms.MaxRecipients:
		c.say(tooManyRcpts)
	default:
		c.forward(cmd)
	}
}

// Ahead returns the recipients of the RCPT commands that the client has sent
// behind the one that is executed, as far as they are sound and would be
// executed next. Each is still to come as a command of its own, unless the
// connection ends before.
func (c *Conn) Ahead() []mail.Recipient {
	room := min(c.terms.MaxRecipients-c.rcpts, c.l.cfg.MaxRecipients-c.tried+1) - 1
	var ahead []mail.Recipient
	for line := range c.in.Ahead {
		verb, arg := syntax.CutVerb(string(line))
		if verb != "RCPT" || len(ahead) >= room {
			break
		}
		cmd, err := c.terms.allowed().ParseRcpt(arg, c.utf8)
		if err != nil {
			break
		}
		ahead = append(ahead, mail.Recipient{Path: cmd.Path, DSN: cmd.DSN})
	}
	return ahead
}

func (c *Conn) data(arg string) {
	switch {
	case !c.endsGroup():
	case arg != "":
		c.say(badArgument)
	case c.rcpts == 0:
		c.say(badSequence)
	default:
		c.forward(Command{Verb: "DATA"})
	}
}

// bare passes on a command that has no argument.
func (c *Conn) bare(verb, arg string) {
	if arg != "" {
		c.say(badArgument)
		return
	}
	c.forward(Command{Verb: verb})
}

// forServer is what go-smtp is given for a command: it keeps the order of the
// verbs and counts recipients, and nothing of an argument concerns it.
var forServer = map[string][]byte{
	"EHLO": []byte("HELO client\r\n"), // its own table of extensions is never shown
	"HELO": []byte("HELO client\r\n"),
	"MAIL": []byte("MAIL FROM:<>\r\n"),
	"RCPT": []byte("RCPT TO:<rcpt@client>\r\n"),
	"DATA": []byte("DATA\r\n"),
	"RSET": []byte("RSET\r\n"),
	"QUIT": []byte("QUIT\r\n"),
}

// forward gives go-smtp a command, in our own words.
func (c *Conn) forward(cmd Command) {
	c.cmd, c.pending = cmd, cmd.Verb
	if c.lent || cmd.Verb == "MAIL" {
		c.line = forServer[cmd.Verb]
		return
	}
	c.relay(&answer{code: ok.code, lines: []string{ok.text}}) // as go-smtp would
}

// greet writes the banner.
func (c *Conn) greet() { c.out = append(c.out, "220 "+c.l.cfg.Hostname+" ESMTP\r\n"...) }

// relay passes an answer of go-smtp on to the client, in our words where there
// is nothing but success to say, and keeps step with it.
func (c *Conn) relay(a *answer) {
	if c.unheard > 0 { // its banner and its answer to HELO
		if c.unheard--; a.code/100 != 2 {
			c.stop(internalDisorder, "error")
		}
		return
	}
	if c.phase == inAnswer {
		c.settle(a)
		return
	}
	verb := c.pending
	c.pending = ""
	succeeded := a.code/100 == 2
	switch {
	case c.phase == inContent: // no success for content that nobody took
		c.stop(internalDisorder, "error")
	case verb == "DATA" && a.code == startData.code:
		c.phase = inContent
		c.out = startData.appendTo(c.out)
	case (verb == "EHLO" || verb == "HELO") && succeeded:
		c.closeMail()
		c.helo, c.terms = c.cmd.Helo, c.offer(verb == "EHLO")
		c.in.Limit = c.terms.lineOctets()
		c.introduce()
	case verb == "MAIL" && succeeded:
		c.mailOpen, c.utf8, c.declared = true, c.cmd.UTF8, c.cmd.Size
		c.out = senderOK.appendTo(c.out)
	case verb == "MAIL":
		c.closeMail()
		c.out = a.appendTo(c.out)
	case verb == "RCPT" && succeeded:
		c.rcpts++
		c.out = recipientOK.appendTo(c.out)
	case verb == "RSET" && succeeded:
		c.closeMail()
		c.out = ok.appendTo(c.out)
	case verb == "QUIT":
		c.stop(goodbye, "quit")
	default:
		c.out = a.appendTo(c.out)
	}
	if a.code == 421 { // RFC 5321, Section 3.8
		c.finish("error")
	}
	if verb == "DATA" || c.over || len(c.out) >= maxOutOctets {
		c.flush()
	}
}

// OnAnswer makes f hear, once, when the answer to the content has been written
// or could not be: read is false if the client is known to have gone before it
// could read it. The session calls it before it answers; f runs in go-smtp's
// goroutine. SMTP-DUTIES R12.
func (c *Conn) OnAnswer(f func(read bool)) { c.onAnswer = f }

// settle ends the transaction with the answer to its content. The answer does
// not wait for the rest of a group: until it is read, the client holds the
// message too.
func (c *Conn) settle(a *answer) {
	c.closeMail()
	c.phase = inCommands
	c.commands, c.faults = 0, 0
	if c.lastOne || a.code == 421 { // RFC 5321, Section 3.8
		c.finish("error")
	}
	if c.Ended() == timedOut { // SMTP-DUTIES M1, whatever the session thinks of it
		c.out = idleTooLong.appendTo(c.out)
	} else {
		c.out = a.appendTo(c.out)
	}
	c.deliver()
}

// deliver writes the answer to content and says whether it could be read.
func (c *Conn) deliver() {
	fault.At(fault.ReplyWrite)
	here := !hasGone(c.raw)
	err := c.flush()
	fault.At(fault.ReplyWritten)
	if f := c.onAnswer; f != nil {
		c.onAnswer = nil
		f(here && err == nil)
	}
}

// closeMail forgets the transaction.
func (c *Conn) closeMail() {
	c.wanted = c.giveTurn()
	c.mailOpen, c.utf8, c.declared, c.rcpts, c.tried, c.forwarded = false, false, 0, 0, 0, nil
}
