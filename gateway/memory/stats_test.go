package memory

import (
	"bytes"
	"encoding/json"
	"testing"
)

// The row of a domain with which there was contact alone is written once a day.
func TestAnExportBesideTheServerTellsTheCountsOfNow(t *testing.T) {
	w := newWorld(t)
	w.establish(0, "a@partner.example")
	for range 5 {
		w.learn(w.from(20, "a@partner.example"))
	}
	last := w.ask(20, "a@partner.example").Author.Last
	tool := w.beside()
	for i, when := range []string{"beside the server", "while there is none"} {
		var out bytes.Buffer
		if err := tool.Export(t.Context(), &out); err != nil {
			t.Fatal(err)
		}
		var line exported
		if err := json.NewDecoder(&out).Decode(&line); err != nil {
			t.Fatal(err)
		}
		if d := line.Domain; d.Domain != "partner.example" || d.Messages != 8 || !d.Last.Equal(last) {
			t.Errorf("%s: %+v", when, d)
		}
		if err := w.Store.Close(); i == 0 && err != nil {
			t.Fatal(err)
		}
	}
}
