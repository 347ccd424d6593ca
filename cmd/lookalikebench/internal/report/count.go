package report

import (
	"fmt"
	"math"
)

// Share is k of n.
type Share struct{ K, N int }

// Count adds one case.
func (s *Share) Count(hit bool) {
	s.N++
	if hit {
		s.K++
	}
}

// Percent is the share in percent; 0 of nothing.
func (s Share) Percent() float64 {
	if s.N == 0 {
		return 0
	}
	return 100 * float64(s.K) / float64(s.N)
}

// String is "98.7" or "99.74", or "-" of nothing. It never rounds up to 100.
func (s Share) String() string {
	if s.N == 0 {
		return "-"
	}
	p := s.Percent()
	if s.K < s.N {
		p = min(p, 99.99)
	}
	if p > 99 && s.K < s.N { // where the bars are
		return fmt.Sprintf("%.2f", p)
	}
	return fmt.Sprintf("%.1f", p)
}

// Interval is String with the 95 % Wilson interval.
func (s Share) Interval() string {
	if s.N == 0 {
		return "-"
	}
	low, high := s.Wilson()
	return fmt.Sprintf("%s [%.1f-%.1f]", s, low, high)
}

// normal95 is the two-sided 95 % quantile of the normal distribution.
const normal95 = 1.959964

// Wilson is the 95 % interval of the share, in percent.
func (s Share) Wilson() (low, high float64) {
	if s.N == 0 {
		return 0, 100
	}
	n, p, z := float64(s.N), float64(s.K)/float64(s.N), normal95
	mid := (p + z*z/(2*n)) / (1 + z*z/n)
	half := z / (1 + z*z/n) * math.Sqrt(p*(1-p)/n+z*z/(4*n*n))
	return 100 * max(0, mid-half), 100 * min(1, mid+half)
}

// Rate is k events among n cases, for events that are seldom.
type Rate struct{ K, N int }

// Count adds one case.
func (r *Rate) Count(event bool) {
	r.N++
	if event {
		r.K++
	}
}

// Per10k is the rate per 10,000 cases.
func (r Rate) Per10k() float64 { return per10k(float64(r.K), r.N) }

func per10k(k float64, n int) float64 {
	if n == 0 {
		return 0
	}
	return k * 1e4 / float64(n)
}

// Poisson is the exact 95 % interval of the rate per 10,000.
func (r Rate) Poisson() (low, high float64) {
	if r.K > 0 {
		low = poissonMean(r.K-1, 0.975)
	}
	return per10k(low, r.N), per10k(poissonMean(r.K, 0.025), r.N)
}

// Interval is "0.66 [0.47-0.90]" per 10,000.
func (r Rate) Interval() string {
	low, high := r.Poisson()
	return fmt.Sprintf("%.2f [%.2f-%.2f]", r.Per10k(), low, high)
}

// poissonMean finds the mean under which at most k events have probability p.
func poissonMean(k int, p float64) float64 {
	low, high := 0.0, 10*float64(k)+20
	for range 80 {
		mid := (low + high) / 2
		if atMost(k, mid) > p {
			low = mid
		} else {
			high = mid
		}
	}
	return (low + high) / 2
}

// atMost is the probability of at most k events where mean are expected.
func atMost(k int, mean float64) float64 {
	sum := 0.0
	for i := range k + 1 {
		lg, _ := math.Lgamma(float64(i + 1))
		sum += math.Exp(float64(i)*math.Log(mean) - mean - lg)
	}
	return sum
}
