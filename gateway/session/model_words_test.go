package session_test

import (
	"maps"
	"slices"
	"strings"
)

func pick[T any](k *bench, from []T) T { return from[k.rnd.IntN(len(from))] }

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

var (
	goodPaths   = []string{"<a@client.example>", "<>", " <b@EXAMPLE.com>", "<postmaster>", "<@x.example,@y.example:c@d.org>"}
	allPaths    = sortedKeys(paths)
	allParams   = sortedKeys(params)
	allOrigins  = append(sortedKeys(origins), "", "ADDR=192.0.2.300", "ADDR=192.0.2.7 ADDR=192.0.2.8", "WHAT=x", "HELO=a+0Ab")
	allFixed    = sortedKeys(fixed)
	helloArgs   = []string{"client.example", "client.example", "client.example", "[192.0.2.1]", "", "<x>", "ä.example"}
	lineLengths = []int{510, 511, 512, 513, 537, 538, 539, 555, 556, 575, 576, 577, 1011, 1012, 1013, 1100}
	contents    = []string{"text", "..stuffed", ".hidden", "refuse", "later", "error", "busy", "panic", "odd", "", "bare\nlf", "bare\rcr", "nul\x00", "cr\r", "\xc3\xa4",
		strings.Repeat("x", 90), strings.Repeat("y", 90), strings.Repeat("z", 90)}
)

// args adds parameters to a path, mostly of its verb.
func (b *bench) args(path, verb string) string {
	for range pick(b, []int{0, 0, 0, 1, 2}) {
		if p := pick(b, allParams); params[p].verb == verb || b.rnd.IntN(8) == 0 {
			path += " " + p
		}
	}
	return path
}

// sensible is the command that a good client sends next.
func (b *bench) sensible(next *string) string {
	verb := *next
	switch verb {
	case "EHLO":
		*next = "MAIL"
		return "EHLO client.example"
	case "MAIL":
		*next = "RCPT"
		return "MAIL FROM:" + b.args(pick(b, goodPaths), verb)
	case "RCPT":
		*next = pick(b, []string{"RCPT", "DATA"})
		return "RCPT TO:" + b.args(pick(b, goodPaths[2:]), verb)
	}
	*next = ""
	return "DATA"
}

// command is a random command line.
func (b *bench) command() string {
	path := pick(b, goodPaths)
	if b.rnd.IntN(2) == 0 {
		path = pick(b, allPaths)
	}
	switch n := b.rnd.IntN(100); {
	case n < 24:
		return pick(b, []string{"MAIL", "mail"}) + pick(b, []string{" FROM:", " FROM:", " FROM:", " FROM:", " FRM:"}) + b.args(path, "MAIL")
	case n < 54:
		return pick(b, []string{"RCPT", "Rcpt"}) + pick(b, []string{" TO:", " TO:", " TO:", " TO:", " OT:"}) + b.args(path, "RCPT")
	case n < 68:
		return pick(b, []string{"DATA", "DATA", "DATA", "DATA", "DATA", "data", "DATA x"})
	case n < 74:
		return pick(b, []string{"EHLO", "EHLO", "HELO"}) + " " + pick(b, helloArgs)
	case n < 79:
		return pick(b, []string{"RSET", "RSET", "RSET x"})
	case n < 87:
		return pick(b, []string{"XCLIENT", "XCLIENT", "XFORWARD"}) + " " + pick(b, allOrigins)
	case n < 92:
		return pick(b, []string{"STARTTLS", "STARTTLS", "STARTTLS x"})
	case n < 95:
		return "NOOP " + strings.Repeat("x", pick(b, lineLengths)-len("NOOP \r\n"))
	}
	if b.rnd.IntN(20) == 0 {
		return pick(b, []string{"NOOP\x00", "RSET\rX", "MAIL FROM:<a@client.example>\nRSET", "NOOP\r", "BDAT", "GET", "QUIT", "QUIT x"})
	}
	if verb := pick(b, allFixed); verb != "BDAT" && verb != "GET" {
		return verb
	}
	return "NOOP"
}

// group is one packet of commands, short enough to arrive in one read.
func (k *talker) group() {
	const maxGroupOctets = 900
	next := "EHLO"
	switch {
	case k.m.rcpts > 0:
		next = pick(k.bench, []string{"RCPT", "DATA"})
	case k.m.tx:
		next = "RCPT"
	case k.m.greeted:
		next = "MAIL"
	}
	var packet []string
	size := 0
	for {
		line := ""
		if next == "" || k.rnd.IntN(4) == 0 {
			line = k.command()
		} else {
			line = k.sensible(&next)
		}
		if size += len(line) + 2; size > maxGroupOctets && len(packet) > 0 {
			break
		}
		packet = append(packet, line)
		verb, _, _ := strings.Cut(strings.ToUpper(line), " ")
		if slices.Contains([]string{"EHLO", "HELO", "DATA", "STARTTLS"}, verb) && k.rnd.IntN(20) > 0 || k.rnd.IntN(3) == 0 {
			break
		}
	}
	k.play(packet, "")
}
