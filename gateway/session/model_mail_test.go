package session_test

import (
	"slices"
	"strconv"
	"strings"
)

// hello is EHLO and HELO: what is announced is what may be used.
func (m *model) hello(verb, arg string) {
	if strings.ContainsAny(arg, "<ä") || arg == "" {
		m.say("501 5.5.4")
		return
	}
	m.abort(verb)
	m.greeted, m.announced = true, nil
	m.octets, m.maxRcpts = modelOctets, modelRcpts
	if m.offer.MaxOctets > 0 {
		m.octets = min(m.octets, int(m.offer.MaxOctets)-16<<10)
	}
	if m.offer.MaxRecipients > 0 {
		m.maxRcpts = m.offer.MaxRecipients
	}
	const host = "gate.example.com"
	if verb == "HELO" {
		m.replies = append(m.replies, "250 "+host)
		return
	}
	limits := "LIMITS RCPTMAX=" + strconv.Itoa(m.maxRcpts)
	if m.offer.OneDomain {
		limits += " RCPTDOMAINMAX=1"
	}
	lines := []string{host, "PIPELINING", "SIZE " + strconv.Itoa(m.octets)}
	for _, l := range []struct {
		offered bool
		line    string
	}{
		{m.offer.EightBitMIME, "8BITMIME"}, {true, "ENHANCEDSTATUSCODES"}, {m.offer.SMTPUTF8, "SMTPUTF8"}, {m.offer.DSN, "DSN"}, {true, limits},
		{m.offer.RequireTLS && m.secure, "REQUIRETLS"}, {m.trusted, "XCLIENT "}, {m.trusted, "XFORWARD "}, {!m.secure, "STARTTLS"},
	} {
		if l.offered {
			lines = append(lines, l.line)
		}
	}
	for i, line := range lines {
		keyword, _, _ := strings.Cut(line, " ")
		m.announced = append(m.announced, keyword)
		sep := "-"
		if i == len(lines)-1 {
			sep = " "
		}
		m.replies = append(m.replies, "250"+sep+line)
	}
}

// takeParams gives what the Gate sees of parameters, or the reply that refuses.
func (m *model) takeParams(verb string, given []string) (seen []string, refused string) {
	var keys []string
	for _, g := range given {
		key, _, _ := strings.Cut(strings.ToUpper(g), "=")
		p := params[g]
		switch {
		case slices.Contains(keys, key):
			return nil, "501 5.5.4"
		case p.verb != verb || !slices.Contains(m.announced, p.needs):
			return nil, "555 5.5.4"
		case p.refused != "":
			return nil, p.refused
		case g == "SIZE=100" && m.octets < 100:
			return nil, "552 5.3.4"
		}
		keys, seen = append(keys, key), append(seen, p.seen)
	}
	return seen, ""
}

// cutArg splits "FROM:<path> params" by the words of the generator.
func cutArg(arg, keyword string) (path string, given []string, ok bool) {
	arg, ok = strings.CutPrefix(arg, keyword)
	for p := range paths {
		if rest, found := strings.CutPrefix(arg, p); found && (rest == "" || rest[0] == ' ') && len(p) > len(path) {
			path, given = p, strings.Fields(rest)
		}
	}
	return path, given, ok
}

// checkPath is the reply that refuses a path, if any.
func (m *model) checkPath(path, bad string) string {
	switch p := paths[path]; {
	case p.utf8 && !slices.Contains(m.announced, "SMTPUTF8"):
		return "553 5.6.7"
	case p.ours == "":
		return bad
	}
	return ""
}

func (m *model) mail(arg string) {
	path, given, ok := cutArg(arg, "FROM:")
	switch {
	case !m.greeted || m.tx:
		m.say("503 5.5.1")
		return
	case !ok:
		m.say("501 5.5.4")
		return
	}
	refused := m.checkPath(path, "553 5.1.7")
	var seen []string
	if refused == "" {
		seen, refused = m.takeParams("MAIL", given)
	}
	utf8 := slices.Contains(seen, " utf8")
	if refused == "" && paths[path].utf8 && !utf8 {
		refused = "553 5.6.7"
	}
	if refused != "" {
		m.say(refused)
		return
	}
	from := m.origin
	if m.forward != nil {
		from = *m.forward
	}
	slices.Sort(seen)
	m.event("begin %s%s tls=%t origin=%s/%s", paths[path].ours, strings.Join(seen, ""), m.secure, from.addr, from.helo)
	m.forward = nil // it is for one MAIL that is judged, also if that is refused: so in Postfix
	if m.gate(paths[path].local) {
		m.tx, m.utf8 = true, utf8
		m.replies = append(m.replies, "250 2.1.0")
	}
}

func (m *model) rcpt(arg string) {
	path, given, ok := cutArg(arg, "TO:")
	switch {
	case !m.tx:
		m.say("503 5.5.1")
		return
	case !ok:
		m.say("501 5.5.4")
		return
	}
	refused := m.checkPath(path, "553 5.1.3")
	switch {
	case refused != "":
	case paths[path].local == "":
		refused = "553 5.1.3"
	case paths[path].utf8 && !m.utf8:
		refused = "553 5.6.7"
	}
	var seen []string
	if refused == "" {
		seen, refused = m.takeParams("RCPT", given)
	}
	if refused == "" && m.rcpts >= m.maxRcpts {
		refused = "452 4.5.3"
	}
	if refused != "" {
		m.say(refused)
		return
	}
	slices.Sort(seen)
	m.event("rcpt %s%s", paths[path].ours, strings.Join(seen, ""))
	if m.gate(paths[path].local) {
		m.rcpts++
		m.replies = append(m.replies, "250 2.1.5")
	}
}

func (m *model) speakFor(verb, arg string) {
	o, ok := origins[arg]
	switch {
	case !m.trusted:
		m.say("550 5.7.0")
		return
	case m.tx:
		m.say("503 5.5.1")
		return
	case !ok:
		m.say("501 5.5.4")
		return
	}
	told := m.origin
	if verb == "XFORWARD" {
		told = origin{}
		if m.forward != nil {
			told = *m.forward
		}
	}
	if o.addr != "" {
		told.addr = strings.Trim(o.addr, "-")
	}
	if o.helo != "" {
		told.helo = strings.Trim(o.helo, "-")
	}
	if verb == "XFORWARD" {
		m.forward = &told
		m.say("250 2.0.0")
		return
	}
	m.origin, m.forward, m.greeted, m.announced = told, nil, false, nil
	m.replies = append(m.replies, "220 gate.example.com ESMTP")
}

// take is whole content, as sent without the line that ends it.
func (m *model) take(sent string) {
	var got strings.Builder
	bad := false
	for line := range strings.SplitAfterSeq(sent, "\r\n") {
		bad = bad || strings.ContainsAny(strings.TrimSuffix(line, "\r\n"), "\r\n\x00")
		got.WriteString(strings.TrimPrefix(line, "."))
	}
	first, _, _ := strings.Cut(got.String(), "\r\n")
	w := words[first]
	m.content, m.commands, m.faults = false, 0, 0
	switch {
	case bad:
		m.event("refused bad")
		m.replies, m.over = append(m.replies, "554 5.5.2"), true
	case got.Len() > m.octets:
		m.event("refused large")
		m.replies = append(m.replies, "552 5.3.4")
	default:
		m.event("content %d", got.Len())
		m.replies, m.over = append(m.replies, cmpOr(w.reply, "250 2.0.0")), w.last
		if w.event != "" {
			m.event("%s", w.event)
		}
	}
	m.event("answered true")
	m.forget()
}

// stop is content that does not come to its end.
func (m *model) stop(reply, why string, read bool) {
	m.replies, m.over = append(m.replies, reply), true
	m.event("refused %s", why)
	m.event("answered %t", read)
	m.forget()
	m.content = false
}
