package ledger

import (
	"bytes"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
)

func TestBooksSurviveBeingWrittenDown(t *testing.T) {
	b := world(rand.New(rand.NewPCG(1, 2)))
	b.Killed = true
	b.Block = []string{"Received"}
	b.Copies[0].Missing = "gone"
	b.Copies[0].Content = []byte("\x00\xff\r\n")
	var lines bytes.Buffer
	if err := Write(&lines, b); err != nil {
		t.Fatal(err)
	}
	back, err := Read(&lines)
	if err != nil || !reflect.DeepEqual(back, b) {
		t.Errorf("%v: %+v\nwant %+v", err, back, b)
	}
}

// A journal without rows says that nothing happened; no journal says nothing.
func TestAnEmptyJournalIsNotNone(t *testing.T) {
	for _, rows := range [][]Row{nil, {}} {
		var lines bytes.Buffer
		if err := Write(&lines, Books{Rows: rows}); err != nil {
			t.Fatal(err)
		}
		if back, err := Read(&lines); err != nil || (back.Rows == nil) != (rows == nil) {
			t.Errorf("%v, %v", back.Rows, err)
		}
	}
}

func TestReadRefusesWhatProvesNothing(t *testing.T) {
	for _, c := range []struct{ lines, want string }{
		{"{}", "line 1: expected exactly one"},
		{"\n \n{\"row\": {}, \"copy\": {}}", "line 3: expected exactly one"},
		{"{\"atempt\": {}}", "unknown field"},
		{"{\"copy\": {\"place\": \"next-hop\", \"Content\": \"*\"}}", "illegal base64"},
		{"{\"row\": {}} {}", "more than one value"},
		{"{\"row\": {}}}", "line 1: "},
		{"attempt", "line 1: invalid"},
	} {
		if _, err := Read(strings.NewReader(c.lines)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: %v, want %q", c.lines, err, c.want)
		}
	}
}

func FuzzRead(f *testing.F) {
	var lines bytes.Buffer
	if err := Write(&lines, world(rand.New(rand.NewPCG(3, 4)))); err != nil {
		f.Fatal(err)
	}
	f.Add(lines.Bytes())
	f.Add([]byte("{\"run\": {\"killed\": true, \"journal\": true, \"block\": []}}\n{\"copy\": {\"Content\": \"\"}}"))
	f.Fuzz(func(t *testing.T, text []byte) {
		b, err := Read(bytes.NewReader(text))
		if err != nil {
			return
		}
		faults := Check(b)
		var again bytes.Buffer
		if err := Write(&again, b); err != nil {
			t.Fatal(err)
		}
		back, err := Read(&again)
		if err != nil || !reflect.DeepEqual(Check(back), faults) {
			t.Errorf("%v: says %q, at first %q", err, Check(back), faults)
		}
	})
}
