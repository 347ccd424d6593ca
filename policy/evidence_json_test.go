package policy

import (
	"encoding/json"
	"math/rand/v2"
	"reflect"
	"testing"
	"time"
)

// fill sets every field of v that can be set, or leaves some of them zero, each
// with the chance of one in zeros. Depth bounds lists.
func fill(r *rand.Rand, v reflect.Value, zeros int) {
	if zeros > 0 && r.IntN(zeros) == 0 {
		return
	}
	if v.Type() == reflect.TypeFor[time.Time]() {
		v.Set(reflect.ValueOf(time.Unix(r.Int64N(1<<33), r.Int64N(1e9)).In(time.FixedZone("", 3600*r.IntN(3)))))
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		for _, f := range v.Fields() {
			if f.CanSet() {
				fill(r, f, zeros)
			}
		}
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(r, v.Elem(), zeros)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), r.IntN(4), 4))
		for i := range v.Len() {
			fill(r, v.Index(i), zeros)
		}
	case reflect.String:
		pieces := []string{"a", "x.example", `"`, `\`, "<", "&", ">", "é", "\x7f", "\u2028", "\xff", "\n", " ", "\x00", "日"}
		for range 1 + r.IntN(4) {
			v.SetString(v.String() + pieces[r.IntN(len(pieces))])
		}
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int64:
		v.SetInt(r.Int64N(1<<20) - 1<<19)
	case reflect.Uint8, reflect.Uint16:
		v.SetUint(1)
	default:
		panic("no value for " + v.Type().String())
	}
}

func TestEvidenceJSONIsWhatEncodingJSONWrites(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	same := func(e *Evidence) {
		t.Helper()
		want, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		got, err := e.JSON()
		if err != nil || string(got) != string(want) {
			t.Fatalf("%v\ngot  %s\nwant %s", err, got, want)
		}
	}
	same(&Evidence{})
	for i := range 2000 {
		var e Evidence
		fill(r, reflect.ValueOf(&e).Elem(), i%7) // with 0 each field is set, with 1 none
		same(&e)
	}
}

func TestEvidenceJSONFailsWhereEncodingJSONDoes(t *testing.T) {
	e := Evidence{ReceivedAt: time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)}
	if _, err := json.Marshal(&e); err == nil {
		t.Fatal("encoding/json takes the year 10000")
	}
	if got, err := e.JSON(); err == nil {
		t.Errorf("%s", got)
	}
}

// BenchmarkEvidenceJSON holds Evidence.JSON against encoding/json.
func BenchmarkEvidenceJSON(b *testing.B) {
	tx := transaction(b, "192.0.2.10", "a@partner.example", signed(b, message("a@partner.example")))
	e, err := collector(b).Collect(b.Context(), tx, viaProvider, Given{})
	if err != nil {
		b.Fatal(err)
	}
	for name, write := range map[string]func() ([]byte, error){
		"own":           func() ([]byte, error) { return e.JSON() },
		"encoding-json": func() ([]byte, error) { return json.Marshal(e) },
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := write(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
