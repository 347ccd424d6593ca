package policy

import (
	"cmp"
	"slices"
)

// Finding is one reason that applies.
type Finding struct {
	Reason      Reason      `json:"reason"`
	Disposition Disposition `json:"disposition"`
	Sentence    string      `json:"sentence"`
}

// Verdict is what Decide says about a message.
type Verdict struct {
	Disposition Disposition `json:"disposition"`
	Reason      Reason      `json:"reason"`
	Sentence    string      `json:"sentence"`
	Findings    []Finding   `json:"findings"` // all that apply, in the order of the list
	Excepted    []Reason    `json:"excepted,omitempty"`
	Lifted      []Lift      `json:"lifted,omitempty"` // because somebody else is believed
	Disbelieved []Disbelief `json:"-"`                // who is not, though a reason stands that he could lift
	Score       *Score      `json:"score,omitempty"`  // what speaks for an impostor, if it is worth telling
}

// Decide applies the rules to the evidence. It is a pure function: the same
// evidence can be decided again, exactly, under new rules. It changes neither.
//
// Deviation from the design page, which lets the first reason in the list win:
// the most severe disposition wins, the order of the list breaks ties.
// Otherwise a reason that only tags (a borrowed display name) would hide one
// further down that quarantines (a DMARC fail), and an attacker could choose it.
func Decide(rules *Rules, e *Evidence) Verdict {
	var v Verdict
	for _, r := range reasons {
		sentence, ceiling, ok := r.applies(rules, e)
		if !ok || r.reason == Clean && len(v.Findings) > 0 {
			continue
		}
		if rules.excepts(r.reason, e) {
			v.Excepted = append(v.Excepted, r.reason)
			continue
		}
		if lift, ok := rules.lifts(r.reason, e); ok {
			v.Lifted = append(v.Lifted, lift)
			continue
		}
		if r.reason == Clean && len(v.Lifted) > 0 {
			sentence = v.Lifted[0].Sentence
		}
		d := rules.disposition(r.reason, r.def, e)
		if d.severity() > ceiling.severity() {
			d = ceiling
		}
		v.Findings = append(v.Findings, Finding{r.reason, d, sentence})
	}
	top := v.Findings[0] // Clean applies when nothing else does
	for _, f := range v.Findings[1:] {
		if f.Disposition.severity() > top.Disposition.severity() {
			top = f
		}
	}
	if f, ok := rules.notYet(top, e); ok {
		v.Findings = slices.DeleteFunc(v.Findings, func(f Finding) bool { return f.Reason == AuthUnavailable })
		at, _ := slices.BinarySearchFunc(v.Findings, f, func(a, b Finding) int { return cmp.Compare(a.Reason.rank(), b.Reason.rank()) })
		v.Findings = slices.Insert(v.Findings, at, f)
		top = f
	}
	v.Score = rules.weigh(e)
	v.Disbelieved = rules.disbeliefs(v.Findings, e)
	v.Disposition, v.Reason, v.Sentence = top.Disposition, top.Reason, top.Sentence
	return v
}
