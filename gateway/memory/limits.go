package memory

import "cmp"

// Limits bound what is remembered. A zero field has its default.
//
// The limits of a day are for floods. Of 100,000 aligned throw-away domains 5,000
// are seen in a day and 1,000 established after two weeks; they take each other's
// room and never that of who is better known. What they achieve is that a new
// honest domain may stay unseen, or not yet established, while the flood lasts:
// that it is treated as the stranger it is. Whom we write to is under no limit.
type Limits struct {
	IDs     int // message ids; 5,000,000
	Threads int // 2,500,000
	Edges   int // pairs of recipient and domain; 1,000,000
	Names   int // pairs of recipient and display name; 500,000
	Domains int // 500,000

	IDDays       int // ids and threads, after they were last cited; 180
	EdgeDays     int // edges and names after the last contact, and domains never established; 400
	DecisionDays int // allowances after a message they are on; 400
	NewDomains   int // domains seen for the first time in a day; 5,000
	Promotions   int // domains established in a day; 1,000
	FromNew      int // messages of one domain not established that are filed in a day; 200
	FromKnown    int // the same of an established one; 20,000
	NewIDs       int // ids that all domains not established may file in a day; 125,000

	Queue int // observations that wait to be learned; 8,192
}

func (l Limits) withDefaults() Limits {
	return Limits{
		IDs: cmp.Or(l.IDs, 5_000_000), Threads: cmp.Or(l.Threads, 2_500_000), Edges: cmp.Or(l.Edges, 1_000_000),
		Names: cmp.Or(l.Names, 500_000), Domains: cmp.Or(l.Domains, 500_000),
		IDDays: cmp.Or(l.IDDays, 180), EdgeDays: cmp.Or(l.EdgeDays, 400), DecisionDays: cmp.Or(l.DecisionDays, 400),
		NewDomains: cmp.Or(l.NewDomains, 5_000), Promotions: cmp.Or(l.Promotions, 1_000),
		FromNew: cmp.Or(l.FromNew, 200), FromKnown: cmp.Or(l.FromKnown, 20_000), NewIDs: cmp.Or(l.NewIDs, 125_000),
		Queue: cmp.Or(l.Queue, 8_192),
	}
}
