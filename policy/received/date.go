package received

import (
	"strings"
	"time"
)

// maxDateWords is more than any date has; the rest is not looked at.
const maxDateWords = 12

// Offsets of the zone names in use, in hours. RFC 5322, Section 4.3, and those
// that servers in Europe and Asia write as well.
var zoneHours = map[string]int{
	"UT": 0, "UTC": 0, "GMT": 0, "Z": 0, "WET": 0, "BST": 1, "CET": 1, "MET": 1, "WEST": 1, "CEST": 2, "MEST": 2, "EET": 2, "EEST": 3, "MSK": 3,
	"EST": -5, "EDT": -4, "CST": -6, "CDT": -5, "MST": -7, "MDT": -6, "PST": -8, "PDT": -7, "JST": 9, "KST": 9,
}

// parseDate reads the date of a Received field as tolerantly as it can be done
// without guessing, with what was odd about it.
//
// It takes day, month, year and time, or month, day, time and year as ctime
// writes them; weekday and zone may be missing.
func parseDate(text string) (t time.Time, defects []string, ok bool) {
	var buf [maxDateWords]string
	words := dateWords(text, buf[:0])
	if len(words) > 0 && isWeekday(words[0]) {
		words = words[1:]
	}
	if len(words) < 4 {
		return time.Time{}, nil, false
	}
	d := date{zone: time.UTC}
	if m := month(words[0]); m != 0 { // ctime: the year may stand before or behind the zone
		d.month, ok = m, d.setDay(words[1]) && d.setClock(words[2])
		words = words[3:]
		if len(words) > 1 && !isDigits(words[0]) {
			words[0], words[1] = words[1], words[0]
		}
		ok = ok && d.setYear(words[0])
		words = words[1:]
	} else {
		d.month = month(words[1])
		ok = d.month != 0 && d.setDay(words[0]) && d.setYear(words[2]) && d.setClock(words[3])
		words = words[4:]
	}
	if !ok {
		return time.Time{}, nil, false
	}
	if len(words) > 0 {
		d.setZone(words[0])
	}
	t = time.Date(d.year, d.month, d.day, d.hour, d.min, d.sec, d.nsec, d.zone)
	if t.Day() != d.day {
		return time.Time{}, nil, false // 31 February
	}
	if d.year <= 1970 || d.year >= 2038 {
		d.defects = append(d.defects, DefectYear)
	}
	return t, d.defects, true
}

// date collects the parts.
type date struct {
	year, day, hour, min, sec, nsec int
	month                           time.Month
	zone                            *time.Location
	defects                         []string
}

// dateWords splits at white space and commas, without comments.
func dateWords(s string, words []string) []string {
	depth := 0
	for i := 0; i < len(s) && len(words) < cap(words); {
		switch c := s[i]; {
		case c == '(':
			depth++
			i++
		case c == ')':
			depth = max(depth-1, 0)
			i++
		case depth > 0 || c <= ' ' || c == ',':
			i++
		default:
			start := i
			for i < len(s) && s[i] > ' ' && s[i] != ',' && s[i] != '(' && s[i] != ')' {
				i++
			}
			words = append(words, s[start:i])
		}
	}
	return words
}

func isWeekday(s string) bool {
	if len(s) < 3 || len(s) > 9 {
		return false
	}
	switch strings.ToLower(s[:3]) {
	case "mon", "tue", "wed", "thu", "fri", "sat", "sun":
		return true
	}
	return false
}

// month returns 0 for what is not the English name of a month.
func month(s string) time.Month {
	if len(s) < 3 || len(s) > 9 {
		return 0
	}
	const names = "janfebmaraprmayjunjulaugsepoctnovdec"
	i := strings.Index(names, strings.ToLower(s[:3]))
	if i < 0 || i%3 != 0 {
		return 0
	}
	return time.Month(i/3 + 1)
}

// number reads one to max digits.
func number(s string, maxDigits int) (n int, ok bool) {
	if s == "" || len(s) > maxDigits || !isDigits(s) {
		return 0, false
	}
	for i := 0; i < len(s); i++ {
		n = 10*n + int(s[i]-'0')
	}
	return n, true
}

func isDigits(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}

func (d *date) setDay(s string) (ok bool) {
	d.day, ok = number(s, 2)
	return ok && d.day >= 1 && d.day <= 31
}

// setYear reads a year of four digits, or of two or three as RFC 5322,
// Section 4.3, has it.
func (d *date) setYear(s string) (ok bool) {
	d.year, ok = number(s, 4)
	switch {
	case len(s) == 2 && d.year < 50:
		d.year += 2000
	case len(s) == 2 || len(s) == 3:
		d.year += 1900
	case len(s) == 1:
		return false
	}
	return ok
}

// setClock reads "9:05", "09:05:07", "09:05:07.516" and "17:40:44-0500".
func (d *date) setClock(s string) bool {
	if i := strings.IndexAny(s, "+-"); i > 0 {
		d.setZone(s[i:])
		s = s[:i]
	}
	hour, rest, ok := strings.Cut(s, ":")
	if !ok {
		return false
	}
	minute, second, hasSecond := strings.Cut(rest, ":")
	var okH, okM bool
	d.hour, okH = number(hour, 2)
	d.min, okM = number(minute, 2)
	if !okH || !okM || d.hour > 23 || d.min > 59 {
		return false
	}
	if !hasSecond {
		return true
	}
	second, fraction, _ := strings.Cut(second, ".")
	if d.sec, ok = number(second, 2); !ok || d.sec > 60 {
		return false
	}
	if d.sec == 60 {
		d.sec = 59
		d.defects = append(d.defects, DefectLeapSecond)
	}
	if n, ok := number(fraction, 9); ok {
		for range 9 - len(fraction) {
			n *= 10
		}
		d.nsec = n
	}
	return true
}

// setZone reads "+0100" or a name. A name that is not known counts as UTC.
func (d *date) setZone(s string) {
	if len(s) == 5 && (s[0] == '+' || s[0] == '-') && isDigits(s[1:]) {
		n, _ := number(s[1:], 4)
		if n/100 <= 14 && n%100 < 60 {
			offset := (n/100)*3600 + n%100*60
			if s[0] == '-' {
				offset = -offset
			}
			d.zone = zone(offset)
			return
		}
	}
	if h, ok := zoneHours[strings.ToUpper(s)]; ok {
		d.zone = zone(h * 3600)
		return
	}
	d.defects = append(d.defects, DefectZone)
}

func zone(offset int) *time.Location {
	if offset == 0 {
		return time.UTC
	}
	return time.FixedZone("", offset)
}
