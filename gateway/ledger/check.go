package ledger

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// The outcomes of a Row.
const (
	relayed     = "relayed"
	quarantined = "quarantined"
	uncertain   = "uncertain"
)

// Check returns what is wrong with b, one line for each fault, nil if nothing is.
func Check(b Books) []string {
	c := &checker{books: b, attempts: map[string]*account{}}
	if c.books.Block == nil {
		c.books.Block = BlockFields
	}
	c.open()
	c.copies()
	c.rows()
	for _, a := range c.order {
		c.settle(a)
	}
	c.settleMessages()
	return c.faults
}

// account is an attempt with all that was found of it.
type account struct {
	Attempt
	copies []Copy
	rows   []Row
}

func (a *account) acked() bool   { return strings.HasPrefix(a.Answer, "2") }
func (a *account) refused() bool { return a.Answer != "" && !a.acked() }

// recorded reports whether the journal has outcome for a.
func (a *account) recorded(outcome string) bool {
	return slices.ContainsFunc(a.rows, func(r Row) bool { return r.Outcome == outcome })
}

// checker compares the books. Its faults come in the order of the attempts.
type checker struct {
	books    Books
	attempts map[string]*account
	order    []*account
	faults   []string
}

func (c *checker) fault(path, format string, args ...any) {
	c.faults = append(c.faults, fmt.Sprintf("<%s>: ", path)+fmt.Sprintf(format, args...))
}

// open enters the attempts.
func (c *checker) open() {
	for _, a := range c.books.Attempts {
		if c.attempts[a.ReversePath] != nil {
			c.fault(a.ReversePath, "the ledger itself is wrong: two attempts")
			continue
		}
		one := &account{Attempt: a}
		c.attempts[a.ReversePath] = one
		c.order = append(c.order, one)
	}
}

// copies enters what was found, and looks at each for itself.
func (c *checker) copies() {
	for _, found := range c.books.Copies {
		a := c.attempts[found.ReversePath]
		if a == nil {
			c.fault(found.ReversePath, "%s, but nobody sent it", found.Place.where())
			continue
		}
		a.copies = append(a.copies, found)
		for _, wrong := range c.wrongWith(a, found) {
			c.fault(found.ReversePath, "%s: %s", found.Place.where(), wrong)
		}
	}
}

// rows enters what the journal says. It may know more than the clients: a test
// may have spoken outside of the ledger.
func (c *checker) rows() {
	for _, r := range c.books.Rows {
		if a := c.attempts[r.ReversePath]; a != nil {
			a.rows = append(a.rows, r)
		}
	}
}

func (p Place) where() string {
	switch p {
	case NextHop:
		return "at the next hop"
	case Quarantine:
		return "in quarantine"
	}
	return fmt.Sprintf("at an unknown place %q", string(p))
}

// wrongWith compares one copy with what was sent: Q4, Q5 and the place of Q1.
func (c *checker) wrongWith(a *account, found Copy) (wrong []string) {
	if a.Belong != "" && a.Belong != found.Place {
		wrong = append(wrong, "should be "+a.Belong.where())
	}
	if !samePaths(a.ForwardPaths, found.ForwardPaths) {
		wrong = append(wrong, fmt.Sprintf("mixed up: it came for %q, sent for %q", found.ForwardPaths, a.ForwardPaths))
	}
	kept := a.Kept
	if kept == nil {
		kept = a.Content
	}
	switch {
	case found.Missing != "":
		wrong = append(wrong, "listed without content: "+found.Missing)
	case found.Place == Quarantine && !bytes.Equal(found.Content, a.Content):
		wrong = append(wrong, fmt.Sprintf("altered: %d octets, sent %d", len(found.Content), len(a.Content)))
	case found.Place == NextHop:
		block, whole := bytes.CutSuffix(found.Content, kept)
		if !whole {
			wrong = append(wrong, fmt.Sprintf("altered: %d octets do not end in the %d that were sent", len(found.Content), len(kept)))
		} else if err := CheckBlock(string(block), c.books.Block...); err != nil {
			wrong = append(wrong, err.Error())
		}
	}
	return wrong
}

// samePaths compares mailboxes in order. Domains have no case, RFC 5321,
// Section 2.4.
func samePaths(a, b []string) bool {
	return slices.EqualFunc(a, b, func(a, b string) bool {
		i, j := strings.LastIndexByte(a, '@'), strings.LastIndexByte(b, '@')
		return i == j && (i < 0 && a == b || i >= 0 && a[:i] == b[:i] && strings.EqualFold(a[i:], b[i:]))
	})
}

// CheckBlock checks what was prepended to a message: exactly the fields names,
// in order, as whole lines of printable ASCII within 1,000 octets. RFC 5322,
// Section 2.1.1.
func CheckBlock(block string, names ...string) error {
	var got []string
	for line := range strings.Lines(block) {
		text, whole := strings.CutSuffix(line, "\r\n")
		if !whole || len(line) > 1000 || strings.ContainsFunc(text, func(r rune) bool { return r != '\t' && (r < ' ' || r > '~') }) {
			return fmt.Errorf("our block has the line %q", line)
		}
		if name, _, ok := strings.Cut(text, ":"); ok && text[0] != ' ' && text[0] != '\t' {
			got = append(got, name)
		} else if text == "" || text[0] != ' ' && text[0] != '\t' {
			return fmt.Errorf("our block has the line %q", line)
		}
	}
	if !slices.Equal(got, names) {
		return fmt.Errorf("our block has the fields %q, want %q", got, names)
	}
	return nil
}

// settle compares one attempt with its copies and rows: Q1 to Q3.
func (c *checker) settle(a *account) {
	n := len(a.copies)
	switch {
	case a.acked() && n == 0:
		c.fault(a.ReversePath, "answered %q and lost", a.Answer)
	case n > 1: // one attempt is one transaction, and is sent on once
		c.fault(a.ReversePath, "%d copies of one attempt, answered %q", n, a.Answer)
	case a.refused() && n > 0 && !a.recorded(uncertain) && !c.mayMiss(a):
		c.fault(a.ReversePath, "answered %q, yet %s", a.Answer, a.copies[0].Place.where())
	}
	c.settleRows(a)
}

// mayMiss reports whether the row that would excuse a may have been lost: a 4xx
// is what a next hop in doubt is answered with.
func (c *checker) mayMiss(a *account) bool {
	return len(a.rows) == 0 && (c.books.Killed || c.books.Rows == nil) && strings.HasPrefix(a.Answer, "4")
}

// settleRows compares the journal with what happened.
func (c *checker) settleRows(a *account) {
	if c.books.Rows == nil {
		return
	}
	if len(a.rows) == 0 {
		if a.acked() && !c.books.Killed {
			c.fault(a.ReversePath, "answered %q and not in the journal", a.Answer)
		}
		return
	}
	if len(a.rows) > 1 {
		c.fault(a.ReversePath, "%d rows in the journal for one attempt", len(a.rows))
	}
	row := a.rows[0]
	if code := fmt.Sprint(row.ReplyCode); row.ReplyCode != 0 && a.acked() != (code[0] == '2') && a.Answer != "" {
		c.fault(a.ReversePath, "answered %q, the journal says %d", a.Answer, row.ReplyCode)
	}
	at := func(p Place) bool {
		return slices.ContainsFunc(a.copies, func(found Copy) bool { return found.Place == p })
	}
	switch row.Outcome {
	case relayed:
		if !at(NextHop) {
			c.fault(a.ReversePath, "the journal says relayed, and it is not at the next hop")
		}
	case quarantined:
		if !at(Quarantine) {
			c.fault(a.ReversePath, "the journal says quarantined, and it is not in quarantine")
		}
	case uncertain: // it may be anywhere, once; a client that hung up may have read its answer
	default:
		if len(a.copies) > 0 {
			c.fault(a.ReversePath, "the journal says %s, yet it is %s", row.Outcome, a.copies[0].Place.where())
		}
	}
}

// settleMessages counts the copies of each message over all its attempts: Q3.
func (c *checker) settleMessages() {
	type count struct{ acked, copies, uncertain int }
	counts := map[string]*count{}
	var order []string
	for _, a := range c.order {
		message := cmp.Or(a.Message, a.ReversePath)
		n := counts[message]
		if n == nil {
			n = &count{}
			counts[message] = n
			order = append(order, message)
		}
		n.copies += min(len(a.copies), 1) // more were reported with the attempt
		switch {
		case a.acked():
			n.acked++
		case a.recorded(uncertain), a.Answer == "" && (c.books.Rows == nil || c.books.Killed), c.mayMiss(a):
			n.uncertain++
		}
	}
	for _, message := range order {
		n := counts[message]
		if n.acked > 1 {
			c.faults = append(c.faults, fmt.Sprintf("%s: the ledger itself is wrong: sent again after it was accepted", message))
		} else if n.copies > 1+n.uncertain {
			c.faults = append(c.faults, fmt.Sprintf("%s: %d copies with %d uncertain", message, n.copies, n.uncertain))
		}
	}
}
