package memory

import (
	"math/rand/v2"
	"strconv"
	"time"

	"mxgate/policy"
	"mxgate/policy/mail"
)

// traffic makes messages as LOOKALIKE section 4.6 counted them: 0.59 threads and
// 1.18 ids for each, from domains of which a few write much.
type traffic struct {
	r       *rand.Rand
	zipf    *rand.Zipf
	threads [][2]string // lately: last id, domain
	n, of   int
}

func newTraffic(of int) *traffic {
	r := rand.New(rand.NewPCG(5, 6))
	return &traffic{r: r, zipf: rand.NewZipf(r, 1.2, 20, 50_000), of: of}
}

var words = []string{"alder", "birch", "cedar", "delta", "ember", "fjord", "grove", "haven", "inlet", "jolly", "knoll", "larch", "maple", "north", "ocean", "pines"}

// domainName is name i of 65,536 that resemble each other little.
func domainName(i int) string {
	return words[i&15] + words[i>>4&15] + words[i>>8&15] + "-" + words[i>>12&15] + ".example"
}

func (f *traffic) next() policy.Observation {
	f.n++
	at := noon.Add(time.Duration(float64(f.n) / float64(f.of) * 120 * 24 * float64(time.Hour)))
	domain := domainName(int(f.zipf.Uint64()))
	o := policy.Observation{At: at, ID: strconv.Itoa(f.n) + ".4711.0815@mail." + domain, Aligned: f.r.IntN(10) > 0}
	if len(f.threads) > 0 && f.r.IntN(100) < 41 {
		th := &f.threads[f.r.IntN(len(f.threads))]
		o.Cited = []string{th[0]}
		domain = th[1]
		if f.r.IntN(100) < 44 { // ours between
			o.Cited = append(o.Cited, strconv.Itoa(f.n)+".reply@example.org")
		}
		th[0] = o.ID
	} else if len(f.threads) < 5000 {
		f.threads = append(f.threads, [2]string{o.ID, domain})
	} else {
		f.threads[f.r.IntN(len(f.threads))] = [2]string{o.ID, domain}
	}
	o.Author = mail.Address{Local: "someone", Domain: mail.Domain(domain)}
	o.Name = "someone of " + domain
	for range 1 + f.r.IntN(10)/8 { // each domain writes to three of 500
		o.Recipients = append(o.Recipients, mail.Address{Local: "user" + strconv.Itoa((len(domain)*int(domain[0])*31+int(domain[len(domain)-9])*7+f.r.IntN(3))%500), Domain: "example.org"})
	}
	return o
}
