package gateway

import (
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// dutyIDs are all duties, with how many each letter has.
func dutyIDs() map[string]bool {
	ids := map[string]bool{}
	for _, group := range []struct {
		letter string
		n      int
	}{{"I", 8}, {"A", 7}, {"C", 8}, {"E", 10}, {"F", 9}, {"H", 7}, {"R", 14}, {"M", 4}, {"V", 8}, {"B", 7}, {"X", 4}, {"S", 2}, {"T", 2}} {
		for i := range group.n {
			ids[fmt.Sprint(group.letter, i+1)] = true
		}
	}
	for _, name := range []string{"8BIT", "UTF8", "DSN", "CHUNK", "PIPE", "SIZE", "TLS", "RTLS", "LIM", "OTHER"} {
		ids["X-"+name] = true
	}
	return ids
}

var (
	dutyTest = regexp.MustCompile(`(?m)^func TestDuty_([A-Z][0-9]+|X_[A-Z0-9]+)(?:_\w+)?\(`)
	anyDuty  = regexp.MustCompile(`(?m)^func TestDuty_`)
	dutyRow  = regexp.MustCompile(`(?m)^\| ([A-Z][0-9]+|X-[A-Z0-9]+) \|(.*)\|$`)
)

// testedDuties are the packages with tests of each duty, as the table names them.
func testedDuties(t *testing.T) map[string][]string {
	t.Helper()
	tested := map[string][]string{}
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		found := dutyTest.FindAllSubmatch(text, -1)
		if len(found) != len(anyDuty.FindAll(text, -1)) {
			t.Errorf("%s: a TestDuty_ function names no duty", path)
		}
		dir, err := filepath.Rel("..", filepath.Dir(path))
		for _, m := range found {
			id := strings.Replace(string(m[1]), "_", "-", 1)
			if room := filepath.ToSlash(dir); !slices.Contains(tested[id], room) {
				tested[id] = append(tested[id], room)
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, rooms := range tested {
		slices.Sort(rooms)
	}
	return tested
}

// The table in docs/duties.md is whole, and says truly where each duty is tested.
func TestEveryDutyIsInTheTableAndHasATest(t *testing.T) {
	text, err := os.ReadFile("../docs/duties.md")
	if err != nil {
		t.Fatal(err)
	}
	ids, tested, rows := dutyIDs(), testedDuties(t), map[string]bool{}
	for _, m := range dutyRow.FindAllStringSubmatch(string(text), -1) {
		id, columns := m[1], strings.Split(m[2], " | ")
		switch {
		case !ids[id]:
			t.Errorf("the table has %s, which is no duty", id)
		case rows[id]:
			t.Errorf("the table has %s twice", id)
		case len(columns) != 4:
			t.Errorf("%s: %d columns behind the ID, want kept, where, tests, deviation", id, len(columns))
		case len(tested[id]) == 0:
			t.Errorf("%s has no test TestDuty_%s", id, strings.Replace(id, "-", "_", 1))
		default:
			if want := strings.Join(tested[id], ", "); strings.TrimSpace(columns[2]) != want {
				t.Errorf("%s: the table says it is tested in %q, the tree in %q", id, strings.TrimSpace(columns[2]), want)
			}
		}
		rows[id] = true
	}
	for _, id := range slices.Sorted(maps.Keys(ids)) {
		if !rows[id] {
			t.Errorf("the table lacks %s", id)
		}
	}
	for id, rooms := range tested {
		if !ids[id] {
			t.Errorf("TestDuty_%s in %s names no duty", id, strings.Join(rooms, ", "))
		}
	}
}
