package score

// Row names a row of the table, a factor or a bound. The names are those of
// configuration: added, never renamed.
type Row string

// Likeness is the row of a Sheet in which likeness and relation are multiplied.
const Likeness Row = "likeness"

// The weights, in points if nothing else is said.
const (
	Likeness80 Row = "likeness-80" // how sure the likeness is: 80 and more
	Likeness65 Row = "likeness-65"
	Likeness50 Row = "likeness-50"
	Likeness35 Row = "likeness-35"

	TimesThread        Row = "times-thread" // percent of the likeness, by the relation of whom is resembled
	TimesCorroborated  Row = "times-corroborated"
	TimesNamesake      Row = "times-namesake"
	TimesMessage       Row = "times-message"
	TimesCorrespondent Row = "times-correspondent"
	TimesOwn           Row = "times-own"
	TimesProtected     Row = "times-protected"
	TimesSite          Row = "times-site"

	UnseenDomain      Row = "unseen"             // no proven mail of the sender's domain is remembered, or it is known only as what resembles an older one
	NewDomain         Row = "new"                // it did so first less than a week ago
	Intrusion         Row = "thread"             // the ids cited lead to a conversation of the target's, not of the sender's
	ShownTarget       Row = "shown"              // the target stands in quoted header fields or ids
	AddedLookalike    Row = "added"              // each further look-alike among the recipients, at most two
	SameName          Row = "name"               // the name or local part of somebody of the target's
	Pretext           Row = "pretext"            // who is new claims a conversation, or money: beside a name known from nearly there, or where a correspondent's domain is disguised
	ReplyToFreeMail   Row = "reply-to-free-mail" // answers go to a free mailbox with a name of the conversation
	ReplyToLookalike  Row = "reply-to-lookalike" // or to another look-alike
	ReplyToUnknown    Row = "reply-to-unknown"   // or to somebody who is not known here
	PaymentWords      Row = "payment"            // words of changed payment details, or an account
	ChangedAccount    Row = "account"            // an account other than the one of this conversation
	ProtectedPerson   Row = "person"             // the name of a protected person
	EstablishedDomain Row = "established"        // the sender's domain is established here for itself
	OlderDomain       Row = "older"              // we wrote to it before we knew the target
	Block             Row = "block"              // an administrator said that it imitates the target

	QuarantineAt Row = "quarantine-at" // points from which a message is held
	TagAt        Row = "tag-at"        // from which it is tagged
	LogAt        Row = "log-at"        // from which the sum is told at all
)

// Weights are the operator's. What is not named keeps its default.
type Weights map[Row]int

// defaults is the table of LOOKALIKE 5. Five rows are not of it:
//
// TimesCorroborated: a conversation that is pasted into the message proves
// nothing, but when whom it shows is a correspondent of the recipient, it is as
// good as one that we remember. TimesNamesake: the recipient knows one to four
// domains by the name of whoever writes, fewer than take part in a conversation;
// it is so much that letters, the name and a sender new for days make 100, and so
// do words added with Pretext. Block is what an administrator says, and enough.
// EstablishedDomain stands for the popularity list there: a domain that resembles
// an older one never becomes established, whatever it sends.
//
// Intrusion counts there beside a likeness only: here also of who resembles nobody and
// names another account than the conversation had.
var defaults = []struct {
	row    Row
	weight int
}{
	{Likeness80, 45}, {Likeness65, 35}, {Likeness50, 20}, {Likeness35, 8},
	{TimesThread, 200}, {TimesCorroborated, 200}, {TimesNamesake, 230}, {TimesMessage, 150}, {TimesCorrespondent, 130}, {TimesOwn, 130}, {TimesProtected, 130}, {TimesSite, 100},
	{UnseenDomain, 15}, {NewDomain, 10}, {Intrusion, 30}, {ShownTarget, 15}, {AddedLookalike, 25}, {SameName, 15}, {Pretext, 30},
	{ReplyToFreeMail, 20}, {ReplyToLookalike, 30}, {ReplyToUnknown, 10}, {PaymentWords, 15}, {ChangedAccount, 25}, {ProtectedPerson, 35},
	{EstablishedDomain, -25}, {OlderDomain, -60}, {Block, 100},
	{QuarantineAt, 100}, {TagAt, 50}, {LogAt, 20},
}

var times = map[Relation]Row{Thread: TimesThread, Corroborated: TimesCorroborated, Namesake: TimesNamesake, Message: TimesMessage, Correspondent: TimesCorrespondent,
	Own: TimesOwn, Protected: TimesProtected, Site: TimesSite}

// Defaults returns every weight with its default.
func Defaults() Weights {
	w := Weights{}
	for _, d := range defaults {
		w[d.row] = d.weight
	}
	return w
}

// Rows lists the names of all weights, in the order of the table.
func Rows() []Row {
	rows := make([]Row, len(defaults))
	for i, d := range defaults {
		rows[i] = d.row
	}
	return rows
}

var standard = Defaults()

// Of returns one weight.
func (w Weights) Of(row Row) int {
	if n, ok := w[row]; ok {
		return n
	}
	return standard[row]
}
