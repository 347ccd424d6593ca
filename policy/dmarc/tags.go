package dmarc

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"mxgate/policy/mail"
)

// tag is the value of a tag. A tag that stands twice with two values says
// nothing we could choose: RFC 6376, Section 3.2 forbids it.
type tag struct {
	value        string
	contradicted bool
}

// tags are those of one record by name, and what was found wrong with them.
type tags struct {
	list   map[string]tag
	faults []string
}

func parseTags(list string) *tags {
	t := &tags{list: map[string]tag{}}
	n := 0
	for spec := range strings.SplitSeq(list, ";") {
		if n++; n > maxTags {
			t.fault("what follows the first %d tags is not read", maxTags)
			break
		}
		name, value, ok := strings.Cut(spec, "=")
		name = strings.ToLower(trim(name))
		if !ok || name == "" {
			if trim(spec) != "" {
				t.fault("%+.40q is not a tag", trim(spec))
			}
			continue
		}
		read := tag{value: trim(value)}
		if before, twice := t.list[name]; twice && (before.contradicted || !strings.EqualFold(before.value, read.value)) {
			read.contradicted = true
			t.fault("the tag %+.40q stands twice with different values", name)
		}
		t.list[name] = read
	}
	return t
}

// fault notes what the owner of the record should know.
func (t *tags) fault(format string, args ...any) {
	if len(t.faults) < maxFaults {
		t.faults = append(t.faults, fmt.Sprintf(format, args...))
	}
}

// oneOf returns the value of a tag if it is one of the words, else the first of
// them, which is the default.
func (t *tags) oneOf(name string, words ...string) string {
	got, ok := t.list[name]
	if !ok || got.contradicted {
		return words[0]
	}
	if i := slices.Index(words, strings.ToLower(got.value)); i >= 0 {
		return words[i]
	}
	t.fault("%s=%+.40q is ignored: it is not one of %s", name, got.value, strings.Join(words, ", "))
	return words[0]
}

// request reads a dmarc-request; "" and true if the tag is absent.
func (t *tags) request(name string) (policy string, ok bool) {
	got, present := t.list[name]
	if !present {
		return "", true
	}
	policy = strings.ToLower(got.value)
	if policy != policyNone && policy != policyQuarantine && policy != policyReject {
		t.fault("%s=%+.40q is not a policy", name, got.value)
		return "", false
	}
	return policy, !got.contradicted
}

// failureOptions reads fo. RFC 9989, Section 4.7: without ruf it counts for
// nothing.
func (t *tags) failureOptions() string {
	const byDefault = "0"
	got, ok := t.list["fo"]
	if _, asked := t.list["ruf"]; !ok || !asked || got.contradicted {
		return byDefault
	}
	var seen []string
	for option := range strings.SplitSeq(strings.ToLower(got.value), ":") {
		option = trim(option)
		known := option == "0" || option == "1" || option == "d" || option == "s"
		contradicts := option == "0" && slices.Contains(seen, "1") || option == "1" && slices.Contains(seen, "0")
		if !known || contradicts || slices.Contains(seen, option) {
			t.fault("fo=%+.40q is ignored", got.value)
			return byDefault
		}
		seen = append(seen, option)
	}
	return strings.Join(seen, ":")
}

// percentage reads pct of RFC 7489, Section 6.3. RFC 9989, Appendix A.6.
func (t *tags) percentage() string {
	got, ok := t.list["pct"]
	if !ok {
		return ""
	}
	n, err := strconv.ParseUint(got.value, 10, 8)
	if err != nil || n > 100 || got.contradicted {
		t.fault("pct=%+.40q is ignored", got.value)
		return ""
	}
	if n < 100 {
		t.fault("pct=%d is ignored: DMARC has no percentage any more", n)
	}
	return strconv.FormatUint(n, 10)
}

// reportURIs returns rua as it was published if it is printable, else "".
func (t *tags) reportURIs() string {
	got, ok := t.list["rua"]
	if !ok {
		return ""
	}
	for i := 0; i < len(got.value); i++ {
		if c := got.value[i]; c < ' ' || c > '~' {
			t.fault("rua=%+.40q is ignored: it is not plain text", got.value)
			return ""
		}
	}
	if !hasReportURI(got.value) {
		t.fault("rua=%+.40q holds no valid URI", got.value)
	}
	return got.value
}

// hasReportURI reports whether a list of URIs holds one that is valid.
func hasReportURI(list string) bool {
	for uri := range strings.SplitSeq(list, ",") {
		uri, _, _ = strings.Cut(trim(uri), "!") // the size limit of RFC 7489
		u, err := url.Parse(uri)
		if err != nil || u.Scheme == "" {
			continue
		}
		if u.Scheme != "mailto" {
			if u.Host != "" {
				return true
			}
			continue
		}
		address, err := url.PathUnescape(u.Opaque)
		if err != nil {
			continue
		}
		if _, err := mail.ParseMailbox(address); err == nil {
			return true
		}
	}
	return false
}

func trim(s string) string { return strings.Trim(s, " \t\r\n") }
