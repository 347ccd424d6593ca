package mail

import (
	"reflect"
	"testing"
)

// What is read at a glance is read as it is at leisure.
func FuzzPlainAuthor(f *testing.F) {
	for _, s := range []string{
		"a@b.example", "A B <a.b+c@d-e.example>", "O'Neil <a@b>", "<a@b.example>", " A <a@b.example>", "A  B <a@b.example>", "A <a..b@c.example>",
		"A <a@b.example.>", "A <a@B.example>", "A <a@b.example> ", "A B <a@-b.example>", "x_y <1@2.3>", "a@b@c", "A <a@b>c>", "A <<a@b.example>", "A <a@b.1>",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, value string) {
		got, ok := plainAuthor(value)
		if !ok {
			return
		}
		if want := anyAuthor([]string{value}, ""); !reflect.DeepEqual(got, want) {
			t.Errorf("%q: %+v, want %+v", value, got, want)
		}
	})
}

func TestUsualMailIsPlain(t *testing.T) {
	for _, s := range []string{"erika@example.com", "Erika Mustermann <erika.mustermann@mail.example.com>"} {
		if a, ok := plainAuthor(s); !ok || a.Address.Domain == "" {
			t.Errorf("%q: %+v %v", s, a, ok)
		}
	}
}
