package memory

// When the segments are written anew: they hold much more than is remembered.
const (
	compactAbove = 32 << 20 // octets; below it is not worth it
	compactRatio = 3
)

// About what an entry takes in a segment, in octets.
const (
	idOctets     = 12
	threadOctets = 18
	edgeOctets   = 14
	nameOctets   = 20
)

// A compaction is done in turns, between which messages are learned: as few as
// they may be, for what was forgotten is on the disk until the last.
const (
	compactSteps = 32     // at most
	turnEntries  = 20_000 // of a turn at least, if there are so many: some 10 ms of work
)

// compaction writes all that is remembered into new segments, a part each turn,
// and deletes the old ones with the last. What is learned between is in segments
// of its own; a crash leaves some entries twice.
type compaction struct {
	octets  int64 // of all segments
	wanted  bool
	forgets []int64 // requests to forget that are done when the next compaction is
	stale   bool    // the log of the database holds what was forgotten

	running bool
	step    int
	steps   int
	upTo    int64 // last segment that is replaced
	pages   []uint32
	ending  []int64 // of forgets
	written int64
}

// due reports whether a compaction should begin.
func (k *desk) due() bool {
	live := k.IDs.Len()*idOctets + k.Threads.Len()*threadOctets + k.Edges.Len()*edgeOctets + k.Names.Len()*nameOctets
	return !k.running && (k.wanted || k.octets > compactAbove && k.octets > compactRatio*int64(live))
}

// tidy does one turn of a compaction, if one is due.
func (k *desk) tidy() error {
	if k.due() {
		last, err := k.s.db.lastSegment()
		if err != nil {
			return err
		}
		forgets := k.forgets
		steps := min(1+(k.IDs.Len()+k.Threads.Len()+k.Edges.Len()+k.Names.Len())/turnEntries, compactSteps)
		k.compaction = compaction{octets: k.octets, stale: k.stale, running: true, steps: steps, upTo: last, pages: k.Threads.Pages(), ending: forgets}
	}
	if !k.running {
		return nil
	}
	b := batch{segments: k.PackPart(k.step, k.steps, k.pages)}
	if k.step == k.steps-1 {
		k.writeCounts()       // the segments that go hold newer ones than the rows
		k.changed.meta = true // since when it remembers may be forgotten, too
		if err := k.write(); err != nil {
			return err
		}
		b.upTo, b.done = k.upTo, k.ending
	}
	if err := k.s.db.commit(b); err != nil {
		return err
	}
	for _, g := range b.segments {
		k.written += int64(len(g.Body))
	}
	if k.step++; k.step == k.steps {
		k.running = false
		k.octets = k.written
		k.stale = k.stale || len(k.ending) > 0
		return k.s.db.expire(nil)
	}
	return nil
}

// scrub empties the log once what was forgotten is nowhere else. While somebody
// reads it is tried again with the next commit.
func (k *desk) scrub() error {
	if !k.stale {
		return nil
	}
	empty, err := k.s.db.emptyLog()
	k.stale = !empty
	return err
}
