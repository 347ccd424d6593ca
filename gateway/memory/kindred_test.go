package memory

import (
	"fmt"
	"slices"
	"testing"

	"mxgate/gateway/memory/table"
	"mxgate/policy"
	"mxgate/policy/mail"
)

// named is what is recalled of mail under a name.
func (w *world) named(n int, author, name string) policy.Recollection {
	w.Helper()
	r, err := w.Recall(w.Context(), policy.Question{At: day(n), Author: address(w, author), Name: policy.FoldName(name), Recipients: []mail.Address{address(w, "erika@example.org")}})
	if err != nil {
		w.Fatal(err)
	}
	return r
}

func targets(all []policy.Neighbour) (names []mail.Domain) {
	for _, n := range all {
		names = append(names, n.Target)
	}
	return names
}

func TestKinOfAStrangerAreToldToThoseWhoKnowThem(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.Groups = [][]mail.Domain{{"hartmann.example", "hartmann-own.example"}} })
	w.establish(0, "a@hartmann.example")
	if _, err := w.Import(t.Context(), []Imported{{Domain: "lindqvist.example", Established: true}, {Domain: "unvouched.example"}}); err != nil {
		t.Fatal(err)
	}
	w.learn(w.from(20, "x@hartmann-seen.example"))
	for range 2 {
		for _, fake := range append(ofHartmann, "hartmann-seen.example") {
			r := w.ask(30, "x@"+fake)
			if !slices.Contains(targets(r.Kin), "hartmann.example") || len(r.Near) != 0 {
				t.Errorf("%s: %+v, near %+v", fake, r.Kin, r.Near)
			} else if k := r.Kin[0].Known; k.State != policy.Established || k.ToUs != 3 {
				t.Errorf("%s: %+v", fake, k)
			}
			if r := w.askedBy(30, "x@"+fake, "max@example.org"); len(r.Kin) != 0 {
				t.Errorf("%s, to one who does not know them: %+v", fake, r.Kin)
			}
		}
		r := w.askedBy(30, "x@lindqvist-group.example", "max@example.org")
		if !slices.Equal(targets(r.Kin), []mail.Domain{"lindqvist.example"}) || !r.Kin[0].Known.Imported {
			t.Errorf("of one whom an administrator listed: %+v", r.Kin)
		}
		for _, other := range []string{"hartmann-own.example", "hartmann.example", "mail.example.org", "unvouched-group.example", "unlike.example"} {
			if r := w.ask(30, "x@"+other); len(r.Kin) != 0 {
				t.Errorf("%s: %+v", other, r.Kin)
			}
		}
		w.again()
	}
}

func TestKinAreToldAfterAWarmUpToo(t *testing.T) {
	w := newWorld(t)
	w.establish(0, "a@hartmann.example")
	w.warm("x@hartmann-group.example", "erika@example.org")
	if r := w.ask(81, "x@hartmann-group.example"); r.Author.State != policy.Shadow || !slices.Equal(targets(r.Kin), []mail.Domain{"hartmann.example"}) {
		t.Errorf("%+v", r)
	}
	if r := w.askedBy(81, "x@hartmann-group.example", "max@example.org"); r.Author.State != policy.TwoWay || len(r.Kin) != 0 {
		t.Errorf("who is known for himself: %+v", r)
	}
	if r := w.ask(81, "a@hartmann.example"); len(r.Kin) != 0 {
		t.Errorf("the older one: %+v", r.Kin)
	}
}

func TestNobodyIsToldOfKinThatCameLaterOrToOneWhoIsKnown(t *testing.T) {
	w := newWorld(t)
	if _, err := w.Import(t.Context(), []Imported{{Domain: "lindqvist.example", Established: true}}); err != nil {
		t.Fatal(err)
	}
	w.learn(w.from(0, "x@hartmann-group.example"))
	w.establish(10, "a@hartmann.example")
	if r := w.ask(30, "x@hartmann-group.example"); r.Author.State != policy.Seen || len(r.Kin) != 0 {
		t.Errorf("who wrote first: %+v", r)
	}
	w.learn(w.from(30, "x@lindqvist-group.example"))
	if r := w.ask(31, "x@lindqvist-group.example"); len(r.Kin) != 1 {
		t.Errorf("seen: %+v", r.Kin)
	}
	w.establish(31, "x@lindqvist-group.example")
	if r := w.ask(50, "x@lindqvist-group.example"); len(r.Kin) != 0 {
		t.Errorf("known for himself: %+v", r.Kin)
	}
}

func TestWhoIsListedWithANameBearsIt(t *testing.T) {
	w := newWorld(t)
	w.learn(func() policy.Observation {
		o := w.from(0, "x@early.example")
		o.Name = policy.FoldName("Hartmann GmbH")
		return o
	}())
	list := []Imported{{Domain: "unvouched.example", Note: "Nobody Known"}, {Domain: "hartmann.example", Established: true, Note: "Hartmann GmbH"}}
	for _, d := range []mail.Domain{"a.example", "b.example", "c.example", "d.example", "e.example", "f.example", "g.example"} {
		list = append(list, Imported{Domain: d, Established: true, Note: "vendors of March"})
	}
	if _, err := w.Import(t.Context(), list); err != nil {
		t.Fatal(err)
	}
	o := w.from(20, "x@thief.example")
	o.Recipients, o.Name = []mail.Address{address(t, "max@example.org")}, policy.FoldName("Hartmann GmbH")
	w.learn(o)
	for range 2 {
		if r := w.named(30, "x@thief.example", "HARTMANN gmbh"); !slices.Equal(r.Listed, []mail.Domain{"hartmann.example"}) || !slices.Equal(r.Named, []mail.Domain{"early.example"}) {
			t.Errorf("%v, %v", r.Listed, r.Named)
		}
		r, err := w.Recall(t.Context(), policy.Question{At: day(30), Author: o.Author, Name: o.Name, Recipients: o.Recipients})
		if err != nil || len(r.Named) != 0 {
			t.Errorf("who wrote under a listed name has it: %v, %v", r.Named, err)
		}
		if r := w.named(30, "x@thief.example", "Nobody Known"); len(r.Listed) != 0 {
			t.Errorf("nobody vouches for it: %v", r.Listed)
		}
		if n := len(w.ram.bearers[w.ram.nameKey("vendors of March")]); n > table.MaxNamed+1 {
			t.Errorf("a note on a list is filed %d times", n)
		}
		if r := w.named(30, "x@thief.example", "vendors of March"); len(r.Listed) != 0 {
			t.Errorf("a note on a list: %v", r.Listed)
		}
		w.again()
	}
	own := w.from(31, "a@hartmann.example")
	own.Name = policy.FoldName("Hartmann GmbH")
	own.Recipients = o.Recipients
	w.learn(own)
	r, err := w.Recall(t.Context(), policy.Question{At: day(32), Author: own.Author, Name: own.Name, Recipients: own.Recipients})
	if err != nil || !slices.Equal(r.Named, []mail.Domain{"hartmann.example"}) {
		t.Errorf("its own: %v, %v", r.Named, err)
	}
	if _, err := w.Import(t.Context(), []Imported{{Domain: "hartmann.example", Established: true, Note: "Hartmann AG"}}); err != nil {
		t.Fatal(err)
	}
	if r := w.named(33, "x@thief.example", "Hartmann GmbH"); len(r.Listed) != 0 {
		t.Errorf("listed anew: %v", r.Listed)
	}
	if err := w.Forget(t.Context(), Forgotten{Domain: "hartmann.example"}); err != nil {
		t.Fatal(err)
	}
	if r := w.named(33, "x@thief.example", "Hartmann AG"); len(r.Listed) != 0 {
		t.Errorf("forgotten: %v", r.Listed)
	}
}

// One harmless mail makes one name his own, and not every name beside it.
func TestANameBesideHisOwnIsNotHis(t *testing.T) {
	w := newWorld(t)
	sent := func(day int, from, name string) {
		o := w.from(day, from)
		o.Name = policy.FoldName(name)
		w.learn(o)
	}
	sent(0, "eva@acme.example", "Eva Muster")
	sent(20, "x@thief.example", "Xy Team")
	ask := func(names ...string) policy.Recollection {
		q := policy.Question{At: day(22), Author: address(t, "x@thief.example"), Name: policy.FoldName(names[0]), Recipients: []mail.Address{address(t, "erika@example.org")}}
		for _, n := range names[1:] {
			q.Names = append(q.Names, policy.FoldName(n))
		}
		r, err := w.Recall(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	if r := ask("Xy Team"); !slices.Equal(r.Named, []mail.Domain{"thief.example"}) {
		t.Errorf("his own: %v", r.Named)
	}
	many := []string{"Xy Team"}
	for i := range 49 { // as many as From may show
		many = append(many, fmt.Sprint("Nobody Known ", i))
	}
	for _, names := range [][]string{{"Eva Muster", "Xy Team"}, {"Xy Team", "Eva Muster"}, append(many, "Eva Muster")} {
		if r := ask(names...); !slices.Equal(r.Named, []mail.Domain{"acme.example"}) {
			t.Errorf("%q: %v", names, r.Named)
		}
	}
}
