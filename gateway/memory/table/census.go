package table

// Classes of what is kept: a flood of what is cheap to make never takes the room
// of what is not.
const (
	ClassNew         = iota // of domains not established, and of mail not aligned
	ClassEstablished        // takes two weeks to become
	ClassTwoWay             // takes an answer of ours
	classes
)

// What makes room when a table is full: the lowest class that has more than its
// guaranteed share, its oldest days first. So strangers, who cost an attacker
// nothing, never push out who is established, and those never push out who we
// write to; and each class has some room whatever the others do.
var guaranteed = [classes]int{ClassNew: 1, ClassEstablished: 2, ClassTwoWay: 5} // eighths

// leaveFree is the part of a table that is freed at once: one in so many.
const leaveFree = 64

// Census counts the entries of a table by class and day.
type Census struct {
	days  [classes][1 << 16]uint32
	total [classes]int
}

// Count counts one entry.
func (c *Census) Count(class uint8, day uint16) {
	class = min(class, classes-1)
	c.days[class][day]++
	c.total[class]++
}

// Verdicts say who has to go.
type Verdicts [classes]verdict

// Goes reports whether an entry is doomed, and counts it.
func (v *Verdicts) Goes(class uint8, day uint16) bool { return v[min(class, classes-1)].goes(day) }

// verdict says up to which day the entries of a class go, and how many of that
// day.
type verdict struct {
	day  uint16
	some int
	any  bool
}

// Doomed finds out who has to go so that limit entries less a part stay.
func (c *Census) Doomed(limit int) (v Verdicts) {
	excess := c.total[0] + c.total[1] + c.total[2] - (limit - limit/leaveFree)
	var out [classes]int
	for class := range classes {
		over := max(c.total[class]-limit*guaranteed[class]/8, 0)
		out[class] = min(max(excess, 0), over)
		excess -= out[class]
	}
	for class := 0; excess > 0 && class < classes; class++ { // shares leave too little
		more := min(excess, c.total[class]-out[class])
		out[class] += more
		excess -= more
	}
	for class := range classes {
		left := out[class]
		for day := 0; left > 0; day++ {
			v[class] = verdict{uint16(day), left, true}
			left -= int(c.days[class][day])
		}
	}
	return v
}

// goes reports whether an entry is doomed, and counts it.
func (v *verdict) goes(day uint16) bool {
	switch {
	case !v.any || day > v.day:
		return false
	case day < v.day:
		return true
	}
	v.some--
	return v.some >= 0
}
