package thread

import "strings"

// addressIn returns an entry of a list with its address written without what RFC
// 5322, Section 4.4 allows in it and mail programs do not show: spaces, folds,
// comments, a route. at is where its "@" stands; -1 if there is none. The last
// bracket holds the address: names may have brackets, too.
func addressIn(s string) (entry string, at int) {
	if from := strings.LastIndexByte(s, '<') + 1; from > 0 {
		if i := strings.IndexByte(s[from:], '@'); i >= 0 {
			s = bareIn(s, from)
			return s, from + strings.IndexByte(s[from:], '@')
		}
	}
	if at = strings.LastIndexByte(s, '@'); at < 0 {
		return s, -1
	}
	start, end := at, at+1
	for n := -1; n != start; {
		n = start
		start = len(strings.TrimRight(s[:start], " \t\r\n"))
		if open := strings.LastIndexByte(s[:start], '('); open > 0 && s[start-1] == ')' {
			start = open
		}
	}
	for n := -1; n != end; {
		n = end
		end = len(s) - len(strings.TrimLeft(s[end:], " \t\r\n"))
		if end < len(s) && s[end] == '(' {
			end += strings.IndexByte(s[end:], ')') + 1
		}
	}
	if end-start > 1 {
		return s[:start] + s[at:at+1] + s[end:], start
	}
	return s, at
}

// bareIn takes what is not shown out of the address in the bracket that opens
// before s[from]. A quoted local part is left as it is.
func bareIn(s string, from int) string {
	to := from + strings.IndexByte(s[from:], '>')
	if to < from {
		return s
	}
	spec := s[from:to]
	if colon := strings.LastIndexByte(spec, ':'); colon > 0 && strings.HasPrefix(strings.TrimSpace(spec), "@") && strings.IndexByte(spec[colon:], '@') > 0 {
		spec = spec[colon+1:] // "<@route.example:a@b.example>"
	}
	if strings.IndexByte(spec, '"') < 0 && strings.ContainsAny(spec, " \t\r\n(") {
		spec = withoutComments(strings.Join(strings.Fields(spec), ""))
	}
	if len(spec) == to-from {
		return s
	}
	return s[:from] + spec + s[to:]
}

// withoutComments leaves out what stands in parentheses that have an end.
func withoutComments(s string) string {
	var out strings.Builder
	for {
		open := strings.IndexByte(s, '(')
		end := strings.IndexByte(s[max(open, 0):], ')')
		if open < 0 || end < 0 {
			break
		}
		out.WriteString(s[:open])
		s = s[open+end+1:]
	}
	out.WriteString(s)
	return out.String()
}
