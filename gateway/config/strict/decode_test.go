package strict

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pelletier/go-toml/v2"
)

// document has a key of every type that Decode knows.
type document struct {
	Name   string            `toml:"name"`
	Count  int               `toml:"count"`
	Octets int64             `toml:"octets"`
	On     bool              `toml:"on"`
	Wait   Duration          `toml:"wait"`
	Until  *toml.LocalDate   `toml:"until"`
	Words  map[string]string `toml:"words"`
	List   []string          `toml:"list"`
	One    inner             `toml:"one"`
	Many   []inner           `toml:"many"`
}

type inner struct {
	Name string   `toml:"name"`
	Deep []string `toml:"deep"`
}

func TestDecodeKeepsTheDefaultsOfKeysThatAreNotGiven(t *testing.T) {
	d := document{Name: "default", Count: 7, Wait: Duration(time.Minute), List: []string{"a", "b"}}
	file, ok := Decode([]byte("\ufeffcount = 8\nlist = [\"c\"]\nuntil = 2027-01-31\n[words]\nx = \"y\"\n[[many]]\ndeep = [\"z\"]\n"), &d)
	if problems := file.Problems(nil); !ok || len(problems) > 0 {
		t.Fatal(ok, problems)
	}
	if d.Name != "default" || d.Count != 8 || d.Wait != Duration(time.Minute) || !slices.Equal(d.List, []string{"c"}) ||
		d.Until.String() != "2027-01-31" || d.Words["x"] != "y" || len(d.Many) != 1 || d.Many[0].Deep[0] != "z" {
		t.Errorf("got %+v", d)
	}
}

func TestATextThatIsNoTOMLChangesNothing(t *testing.T) {
	d := document{Name: "default"}
	file, ok := Decode([]byte("name = \"x\"\ncount = \n"), &d)
	problems := file.Problems(nil)
	if ok || d.Name != "default" || len(problems) != 1 || problems[0].Line != 2 {
		t.Errorf("%t, %+v, %+v", ok, d, problems)
	}
}

// What check says of a key whose value was not taken over is about a default,
// and confuses.
func TestAProblemIsToldOnce(t *testing.T) {
	var d document
	file, _ := Decode([]byte("[[many]]\nname = 5\n[one]\nnam = \"x\"\n"), &d)
	var more Problems
	more.Add("many[0].name", "", "missing")
	more.Add("one.name", "", "missing")
	more.Add("one", "", "incomplete")
	more.Add("name", "", "missing")
	var keys []string
	for _, p := range file.Problems(more) {
		keys = append(keys, p.Key)
	}
	if want := []string{"name", "many[0].name", "one.nam"}; !slices.Equal(keys, want) {
		t.Errorf("got %v, want %v", keys, want)
	}
}

func FuzzDecode(f *testing.F) {
	for _, text := range []string{
		"name = 1\ncount = 1.5\non = 1\nwait = 5\nuntil = 2027-01-31T00:00:00Z\nwords = 1\nlist = \"a\"\none = []\nmany = 1\n",
		"one.deep = [[\"a\"]]\nmany = [{ name = \"a\", deep = [1, { b = 2 }] }]\n[words]\na.b = \"c\"\n",
		"[[many]]\n[[many]]\nname = \"a\\\n[many]\n", "\"na me\" = 1\n'' = 2\n", "\ufeffname = “x”\n",
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var d document
		file, ok := Decode(text, &d)
		problems := file.Problems(nil)
		if !ok && len(problems) != 1 {
			t.Errorf("no TOML, and %d problems", len(problems))
		}
		for _, p := range problems {
			if p.Line < 1 || p.Line > strings.Count(string(text), "\n")+1 || p.Expected == "" {
				t.Errorf("%+v", p)
			}
		}
	})
}
