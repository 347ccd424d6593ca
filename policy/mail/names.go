package mail

import (
	"slices"
	"strings"
)

// maxNames is how many names From may show. Beyond them it is ambiguous.
const maxNames = 50

// otherNames lists what value, a From field, shows as names beside display: a person
// reads the name of a group and of a second mailbox as well, and takes "Mustermann,
// Erika <x@firm.example>" for one name, quoted or not.
func otherNames(value, display string) (names []string, more bool) {
	add := func(name string) {
		if name != "" && name != display && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	var parts []string
	shape := outline(value)
	looks := 0 // at parts, with and without a name
	for start := 0; start < len(shape) && len(parts) <= maxNames && looks <= 4*maxNames; looks++ {
		end := start + partEnd(shape[start:])
		if name := nameOf(value[start:end], shape[start:end]); name != "" {
			parts = append(parts, name)
		}
		start = end + 1
	}
	if len(parts) > 1 {
		add(strings.Join(parts, ", "))
	}
	for _, part := range parts {
		add(part)
	}
	return names, len(parts) > maxNames || looks > 4*maxNames
}

// partEnd returns the length of the first part of a list: as entryEnd, but the name
// of a group is one, too.
func partEnd(shape string) int {
	end := entryEnd(shape)
	if colon := strings.IndexByte(shape[:end], ':'); colon >= 0 && !strings.ContainsAny(shape[:colon], "<@") {
		return colon
	}
	return end
}

// nameOf is what an entry shows beside its address.
func nameOf(s, shape string) string {
	from, to := len(s), len(s)
	if lt := strings.IndexByte(shape, '<'); lt >= 0 {
		from = lt
		if gt := strings.IndexByte(shape[lt:], '>'); gt >= 0 {
			to = lt + gt + 1
		}
	} else if at := strings.IndexByte(shape, '@'); at >= 0 {
		from = strings.LastIndexAny(shape[:at], " \t") + 1
		if space := strings.IndexAny(shape[at:], " \t"); space >= 0 {
			to = at + space
		}
	}
	text := strings.Trim(s[:from], " \t\"<")
	if text == "" {
		text = strings.Trim(s[to:], " \t()>\"")
	}
	return DecodeWords(toUTF8(text))
}
