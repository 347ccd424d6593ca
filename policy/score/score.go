// Package score adds up what speaks for an impostor: somebody who writes from a
// name that resembles another's, in a conversation that is not his.
//
// Facts go in, points come out, one line for each row of the table that was
// met, so that the sum can be shown to a person. It knows no message and no
// domain, and decides nothing: who resembles whom is found elsewhere, and so is
// what happens at how many points.
//
// The table is that of LOOKALIKE, Section 5, measured on 4,149 honest messages.
// It rests on one rule: ask first "of whom?", then "how alike?". The likeness
// counts by the relation of the domain that is resembled, since among many
// domains every name resembles some. Left out are the age of the registration
// (nothing is asked about a sender) and the popularity of a name (no list is
// consulted; what the site itself knows takes its place, as Established).
// Added are Corroborated, Namesake and Block, said there; where the likeness itself counts
// otherwise is said at likeness. That a sender is authenticated
// has no row: an impostor owns his look-alike.
package score

// Relation says what the domain that is resembled is to this message.
type Relation string

// The relations, the nearest first.
const (
	None          Relation = ""              // nobody is resembled
	Thread        Relation = "thread"        // took part in the conversation as we remember it
	Corroborated  Relation = "corroborated"  // shown by what the message quotes, and a correspondent of its recipient besides
	Namesake      Relation = "namesake"      // somebody there wrote to this recipient before under the author's name
	Message       Relation = "message"       // shown by the message itself
	Correspondent Relation = "correspondent" // wrote to this recipient before
	Own           Relation = "own"           // ours
	Protected     Relation = "protected"     // a partner whom the operator named
	Site          Relation = "site"          // wrote to somebody here before
)

// Relations lists the relations, the nearest first.
func Relations() []Relation {
	return []Relation{Thread, Corroborated, Namesake, Message, Correspondent, Own, Protected, Site}
}

// Reply says where an answer would go.
type Reply string

// The replies. The zero Reply goes to the author, or to somebody known.
const (
	ReplyLookalike Reply = "look-alike" // a name that resembles that of somebody in the conversation
	ReplyFreeMail  Reply = "free-mail"  // a mailbox that anybody can have, with the name of somebody in the conversation
	ReplyUnknown   Reply = "unknown"    // another domain that is not known here
)

// Payment says what the message tells of money.
type Payment string

// The payments.
const (
	PaymentTold    Payment = "told"    // words of changed payment details, or an account
	PaymentChanged Payment = "changed" // an account other than the one this conversation had
)

// Standing says how well the sender's domain is known for itself.
type Standing string

// The standings. The zero Standing is "nothing worth a row".
const (
	Unseen      Standing = "unseen"      // no proven mail of it is remembered, or only as the look-alike of an older domain
	New         Standing = "new"         // for less than a week
	Established Standing = "established" // on its own
	Older       Standing = "older"       // we write to it, and did before the one it resembles was known
)

// Facts are what is known of one message and one domain that it resembles.
type Facts struct {
	Confidence int  // of the likeness, 0 to 100
	Letters    bool // it is in the letters of the name: neither an ending nor words make it
	Ending     bool // it is another ending and nothing else
	Word       bool // words are added to the name
	Faint      bool // it counts beside a pretext alone, and there is one
	Relation   Relation
	Standing   Standing
	Intrudes   bool // the ids cited lead to a conversation of the target's in which the sender had no part; without a target, to anybody's in which he names another account
	Shown      bool // quoted header fields or the right side of an id show the target
	Added      int  // recipients whose domains are look-alikes, too
	Name       bool // the sender bears the name or local part of somebody of the target's
	Acquainted bool // and the recipient had mail of that name from the target before
	Contested  bool // the target was known before the sender and established after it
	Pretext    bool // it claims to answer what we do not remember, speaks of money, or brings further look-alikes
	Reply      Reply
	Payment    Payment
	Person     bool // the sender bears the name of a protected person
	Blocked    bool // an administrator said that the sender imitates the target; how well it is known counts no more
}

// Line is one row that was met.
type Line struct {
	Row    Row `json:"row"`
	Points int `json:"points"`
}

// Sheet is a sum and what it is made of, in the order of the table.
type Sheet struct {
	Total int
	Lines []Line
}

// maxAdded is how many further look-alikes count: LOOKALIKE 5.
const maxAdded = 2

// Sum adds up what f meets, by the weights w.
func (w Weights) Sum(f Facts) Sheet {
	var s Sheet
	s.add(Likeness, w.likeness(f))
	for _, met := range []struct {
		is   bool
		row  Row
		many int
	}{
		{f.Standing == Unseen, UnseenDomain, 1},
		{f.Standing == New, NewDomain, 1},
		{f.Intrudes, Intrusion, 1},
		{f.Shown, ShownTarget, 1},
		{f.Added > 0, AddedLookalike, min(f.Added, maxAdded)},
		{f.Name, SameName, 1},
		{f.Pretext && f.strange() && (f.Acquainted && !f.Letters || f.nearly()), Pretext, 1},
		{f.Reply == ReplyFreeMail, ReplyToFreeMail, 1},
		{f.Reply == ReplyLookalike, ReplyToLookalike, 1},
		{f.Reply == ReplyUnknown, ReplyToUnknown, 1},
		{f.Payment == PaymentTold, PaymentWords, 1},
		{f.Payment == PaymentChanged, ChangedAccount, 1},
		{f.Person, ProtectedPerson, 1},
		{f.Standing == Established && !f.Blocked, EstablishedDomain, 1},
		{f.Standing == Older && !f.Blocked, OlderDomain, 1},
		{f.Blocked, Block, 1},
	} {
		if met.is {
			s.add(met.row, w.Of(met.row)*met.many)
		}
	}
	return s
}

func (s *Sheet) add(row Row, points int) {
	if points != 0 {
		s.Lines = append(s.Lines, Line{row, points})
		s.Total += points
	}
}

// steps are S(conf) of LOOKALIKE 5, the surest first.
var steps = [...]struct {
	least int
	row   Row
}{{80, Likeness80}, {65, Likeness65}, {50, Likeness50}, {35, Likeness35}}

// Confidence of what counts a step higher among participants.
const (
	leastHigher  = 50
	leastLetters = 20 // one letter in a name of four
)

// nearly reports whether the sender disguises himself, as sure as that can be, as a
// correspondent of the recipient. Of 10,000 domains not one comes as near as that
// to any of 550 others by chance: LOOKALIKE 4.3.
func (f *Facts) nearly() bool {
	return f.Relation == Correspondent && f.Letters && f.Confidence >= steps[0].least
}

// strange reports whether the sender is not known here for itself.
func (f *Facts) strange() bool {
	return f.Standing == Unseen || f.Standing == New || f.Contested
}

// likeness is S(conf) of LOOKALIKE 5, times the relation. What is less than 50
// sure counts only for whom the message itself or its conversation names: there
// are a handful of them, and not a site full.
//
// Deviation: of those who took part in the conversation, no honest newcomer on
// 4,149 messages came as near as 50, but for other endings (4.6), and nobody
// as near as 35 by letters. So such a likeness counts a step higher, and a letter of
// a short name, which is unsure among thousands, counts at all. Houses add words to
// their own names: those count higher for who bears a participant's name besides,
// and letters then count two steps higher.
//
// Who writes for the first time, under the name of a person whom the recipient
// knows and from what is nearly that person's domain, is that person or an impostor.
// Nobody changes a letter of his own name: that is held, however short the name is.
// Words and endings people do change: those count as 50, and Pretext. So does what is
// faint where there is one.
func (w Weights) likeness(f Facts) int {
	r := f.Relation
	took, least := r == Thread || r == Corroborated || r == Namesake, leastHigher
	switch {
	case r == None:
		return 0
	case took && f.Letters:
		least = leastLetters
	case took || r == Message || f.Faint:
		least = steps[len(steps)-1].least
	}
	if f.Confidence < least {
		return 0
	}
	i := 0
	for i < len(steps) && f.Confidence < steps[i].least {
		i++
	}
	switch acquainted := took && f.Acquainted && f.strange(); {
	case acquainted && f.Letters:
		i = min(i, 1)
	case r == Namesake && f.Letters:
		i = max(i, 1) // known for itself: a warning
	case r == Namesake:
		i = 2
	case took && !f.Ending && (f.Letters || f.Confidence >= leastHigher) && (!f.Word || f.Name):
		up := 1
		if f.Letters && f.Name {
			up = 2
		}
		i = min(i, max(i-up, 1)) // not among the surest, who are held for little else
	case acquainted, f.Faint:
		i = min(i, 2)
	}
	return w.Of(steps[min(i, len(steps)-1)].row) * w.Of(times[r]) / 100
}
