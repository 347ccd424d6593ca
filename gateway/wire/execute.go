package wire

import (
	"strconv"
)

// count charges a command to the budget and executes it.
func (c *Conn) count(line []byte) {
	verb, arg := cutVerb(string(line))
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
	case "XCLIENT", "XFORWARD":
		c.say(noProxy)
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
	if len(c.in.unread()) > 0 {
		c.say(talksTooEarly)
		return false
	}
	return true
}

func (c *Conn) hello(verb, arg string) {
	switch {
	case !c.endsGroup():
	case !validHelo(arg):
		c.say(badArgument)
	default:
		c.forward(Command{Verb: verb, Helo: arg}, verb+" "+arg)
	}
}

func (c *Conn) mail(arg string) {
	switch {
	case c.helo == "" || c.mailOpen:
		c.say(badSequence)
		return
	case c.l.cfg.RequireTLS && c.tls == nil:
		c.say(needsTLS)
		return
	}
	cmd, refused := parseMail(arg, c.l.cfg.MaxMessageOctets)
	switch {
	case refused != nil:
		c.say(refused)
	case !c.l.roomFor(cmd.Size):
		c.say(spoolFull)
	default:
		c.forward(cmd, "MAIL FROM:"+forServer(cmd.Path, c.l.cfg.Hostname))
	}
}

func (c *Conn) rcpt(arg string) {
	if !c.mailOpen {
		c.say(badSequence)
		return
	}
	cmd, refused := parseRcpt(arg)
	switch {
	case refused != nil:
		c.say(refused)
	case c.rcpts >= c.l.cfg.MaxRecipients:
		c.say(tooManyRcpts)
	default:
		c.forward(cmd, "RCPT TO:"+forServer(cmd.Path, c.l.cfg.Hostname))
	}
}

func (c *Conn) data(arg string) {
	switch {
	case !c.endsGroup():
	case arg != "":
		c.say(badArgument)
	case c.rcpts == 0:
		c.say(badSequence)
	default:
		c.forward(Command{Verb: "DATA"}, "DATA")
	}
}

// bare passes on a command that has no argument.
func (c *Conn) bare(verb, arg string) {
	if arg != "" {
		c.say(badArgument)
		return
	}
	c.forward(Command{Verb: verb}, verb)
}

// forward gives go-smtp a command in our own words.
func (c *Conn) forward(cmd Command, line string) {
	c.cmd, c.pending = cmd, cmd.Verb
	c.line = []byte(line + "\r\n")
}

// relay passes an answer of go-smtp on to the client, in our words where there
// is nothing but success to say, and keeps step with it.
func (c *Conn) relay(a *answer) {
	if !c.greeted {
		c.greeted = true
		if c.tls == nil { // after STARTTLS there is no greeting
			c.out = append(c.out, "220 "+c.l.cfg.Hostname+" ESMTP\r\n"...)
		}
		return
	}
	verb := c.pending
	c.pending = ""
	succeeded := a.code/100 == 2
	switch {
	case c.phase == inAnswer:
		c.transacted()
		if c.Ended() == timedOut { // SMTP-DUTIES M1, whatever the session thinks of it
			a = &answer{idleTooLong.code, []string{idleTooLong.enhanced + " " + idleTooLong.text}}
		}
		c.out = a.appendTo(c.out)
	case c.phase == inContent: // no success for content that nobody took
		c.stop(internalDisorder, "error")
	case verb == "DATA" && a.code == startData.code:
		c.phase, c.pending = inContent, verb
		c.out = startData.appendTo(c.out)
	case (verb == "EHLO" || verb == "HELO") && succeeded:
		c.closeMail()
		c.helo, c.extended = c.cmd.Helo, verb == "EHLO"
		c.introduce()
	case verb == "MAIL" && succeeded:
		c.mailOpen = true
		c.out = senderOK.appendTo(c.out)
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
	// An answer to content must not wait for the rest of a group: until it is
	// read, the client holds the message too.
	if verb == "DATA" || c.over || len(c.out) >= maxOutOctets {
		c.flush()
	}
}

// transacted ends a transaction whose content was answered.
func (c *Conn) transacted() {
	c.closeMail()
	c.phase = inCommands
	c.commands, c.faults = 0, 0
	c.l.stats.messages.Add(1)
	if c.lastOne {
		c.finish("error")
	}
}

// closeMail forgets the transaction.
func (c *Conn) closeMail() { c.mailOpen, c.rcpts, c.tried = false, 0, 0 }

// introduce answers EHLO with our own table, SMTP-DUTIES 9, and HELO.
func (c *Conn) introduce() {
	lines := []string{c.l.cfg.Hostname}
	if c.extended {
		lines = append(lines,
			"PIPELINING",
			"SIZE "+strconv.FormatInt(c.l.cfg.MaxMessageOctets, 10),
			"8BITMIME",
			"ENHANCEDSTATUSCODES",
			"LIMITS RCPTMAX="+strconv.Itoa(c.l.cfg.MaxRecipients))
		if c.l.cfg.TLSConfig != nil && c.tls == nil {
			lines = append(lines, "STARTTLS")
		}
	}
	for i, line := range lines {
		sep := "250-"
		if i == len(lines)-1 {
			sep = "250 "
		}
		c.out = append(c.out, sep+line+"\r\n"...)
	}
}
