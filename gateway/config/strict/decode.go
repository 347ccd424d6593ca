package strict

import (
	"bytes"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/pelletier/go-toml/v2"
)

// maxOctets bounds a file: 50,000 networks need a third of it.
const maxOctets = 4 << 20

// Decode puts the TOML document text into the struct that into points to, whose
// fields hold the defaults; those with a toml tag are its keys. A list that is
// given replaces the default one. ok is false if text is no TOML at all: into is
// untouched then, and its keys cannot be judged.
func Decode(text []byte, into any) (file File, ok bool) {
	text = bytes.TrimPrefix(text, []byte("\ufeff")) // editors on Windows put it there
	if len(text) > maxOctets {
		return File{problems: Problems{{Expected: fmt.Sprintf("has more than %d octets: expected a file that somebody can read", maxOctets)}}}, false
	}
	var doc map[string]any
	if err := toml.Unmarshal(text, &doc); err != nil {
		return File{problems: Problems{syntaxProblem(text, err)}}, false
	}
	f := &filler{root: reflect.TypeOf(into).Elem(), File: File{lines: keyLines(text)}}
	f.table(reflect.ValueOf(into).Elem(), doc, "")
	return f.File, true
}

// filler puts a TOML document into a struct, key by key.
//
// The TOML library would stop at the first value of a wrong type, name Go types
// in its errors, and take a bare 5 for five nanoseconds. filler goes on to the
// end, so that everything that is wrong with a file is told at once.
type filler struct {
	File
	root reflect.Type
}

func (f *filler) table(v reflect.Value, doc map[string]any, at string) {
	known := keysOf(v.Type())
	for _, key := range slices.Sorted(maps.Keys(doc)) {
		if i := slices.Index(known, key); i >= 0 {
			f.value(v.FieldByIndex(fieldOf(v.Type(), key)), doc[key], join(at, key))
			continue
		}
		expected, meant := f.unknownKey(key, at, known)
		f.problems.Add(join(at, key), "", "%s", expected)
		if meant != "" {
			f.told = append(f.told, join(at, meant))
		}
	}
}

// value puts one value into v, whose present value is the default.
func (f *filler) value(v reflect.Value, given any, key string) {
	switch target := v.Addr().Interface().(type) {
	case *Duration:
		const expected = `a duration in quotes, such as "30s", "5m" or "1h"`
		if text, ok := take[string](f, given, key, expected); ok && target.UnmarshalText([]byte(text)) != nil {
			f.reject(key, strconv.Quote(text), `expected a positive duration, such as "30s", "5m" or "1h"`)
		}
	case **toml.LocalDate:
		if date, ok := take[toml.LocalDate](f, given, key, "a date without quotes, such as 2027-01-31"); ok {
			*target = &date
		}
	case *string:
		if text, ok := take[string](f, given, key, "text in quotes"); ok {
			*target = text
		}
	case *bool:
		if b, ok := take[bool](f, given, key, "true or false, without quotes"); ok {
			*target = b
		}
	case *int, *int64:
		n, ok := take[int64](f, given, key, fmt.Sprintf("a whole number without quotes or unit, such as %d", v.Int()))
		if ok && v.OverflowInt(n) {
			f.reject(key, strconv.FormatInt(n, 10), "expected a smaller number, such as %d", v.Int())
		} else if ok {
			v.SetInt(n)
		}
	case *map[string]int:
		numbers := map[string]int{}
		table, _ := take[map[string]any](f, given, key, fmt.Sprintf("a table [%s]", key))
		for name, value := range table {
			if n, ok := take[int64](f, value, join(key, name), "a whole number without quotes"); ok {
				numbers[name] = int(n)
			}
		}
		*target = numbers
	case *map[string]string:
		texts := map[string]string{}
		table, _ := take[map[string]any](f, given, key, fmt.Sprintf("a table [%s]", key))
		for name, word := range table {
			if text, ok := take[string](f, word, join(key, name), "text in quotes"); ok {
				texts[name] = text
			}
		}
		*target = texts
	default:
		f.composite(v, given, key)
	}
}

// composite fills lists and tables.
func (f *filler) composite(v reflect.Value, given any, key string) {
	list, isList := given.([]any)
	table, isTable := given.(map[string]any)
	ofTables := v.Kind() == reflect.Slice && v.Type().Elem().Kind() == reflect.Struct
	switch {
	case v.Kind() == reflect.Slice && isList:
		v.Set(reflect.MakeSlice(v.Type(), len(list), len(list)))
		for i := range list {
			f.value(v.Index(i), list[i], fmt.Sprintf("%s[%d]", key, i))
		}
	case v.Kind() == reflect.Struct && isTable:
		f.table(v, table, key)
	case ofTables:
		f.mismatch(key, given, fmt.Sprintf("[[%s]] in double brackets, because there may be several", key))
	case v.Kind() == reflect.Slice:
		example := `"..."`
		if text, ok := given.(string); ok {
			example = strconv.Quote(text)
		}
		f.mismatch(key, given, fmt.Sprintf("a list in brackets: [%s]", example))
	case strings.HasSuffix(key, "]"):
		f.mismatch(key, given, fmt.Sprintf("a table { %s = ... }", strings.Join(keysOf(v.Type()), " = ..., ")))
	case isList:
		f.mismatch(key, given, fmt.Sprintf("[%s] in single brackets, because there is only one", key))
	case strings.Contains(key, "["): // of a list, where it has no header of its own
		words, _ := found(given) // the value may be what nobody shall see
		f.reject(key, "", "expected a table { %s = ... }; found %s", strings.Join(keysOf(v.Type()), " = ..., "), words)
	default:
		f.mismatch(key, given, fmt.Sprintf("a table [%s] with its keys on the lines below", key))
	}
}

// take returns given if it is a T, and says what was expected if it is not.
func take[T any](f *filler, given any, key, expected string) (T, bool) {
	value, ok := given.(T)
	if !ok {
		f.mismatch(key, given, expected)
	}
	return value, ok
}

func (f *filler) mismatch(key string, given any, expected string) {
	words, value := found(given)
	f.reject(key, value, "expected %s; found %s", expected, words)
}

// reject reports a value that was not taken over: what check finds in its place
// is not the operator's.
func (f *filler) reject(key, value, format string, args ...any) {
	f.problems.Add(key, value, format, args...)
	f.told = append(f.told, key)
}

// found names the type of a value, and shows the value if it is a single one.
func found(given any) (words, value string) {
	switch v := given.(type) {
	case string:
		return "text", strconv.Quote(v)
	case int64:
		return "a whole number", strconv.FormatInt(v, 10)
	case float64:
		return "a number with a fraction", strconv.FormatFloat(v, 'g', -1, 64)
	case bool:
		return "true or false", strconv.FormatBool(v)
	case toml.LocalDate:
		return "a date", v.String()
	case toml.LocalDateTime:
		return "a date with a time", v.String()
	case time.Time:
		return "a date with a time", v.Format(time.RFC3339)
	case toml.LocalTime:
		return "a time", v.String()
	case map[string]any:
		return "one table", ""
	case []any:
		if len(v) > 0 {
			if _, ok := v[0].(map[string]any); ok {
				return "a list of tables", ""
			}
		}
		return "a list", ""
	}
	return "something else", ""
}

// keysOf lists the keys of a table in the order of the example.
func keysOf(t reflect.Type) []string {
	var keys []string
	for f := range t.Fields() {
		if key := f.Tag.Get("toml"); key != "" {
			keys = append(keys, key)
		}
	}
	return keys
}

func fieldOf(t reflect.Type, key string) []int {
	for f := range t.Fields() {
		if f.Tag.Get("toml") == key {
			return f.Index
		}
	}
	panic("strict: key of no field")
}

// join is the path of key in the table at.
func join(at, key string) string {
	if key == "" {
		key = `""` // as it stands in the text
	}
	if at == "" {
		return key
	}
	return at + "." + key
}

// unknownKey says what to do about key in the table at. meant is the known key
// of that table that it is most likely a slip of, if there is one.
func (f *filler) unknownKey(key, at string, known []string) (expected, meant string) {
	near, distance := Nearest(key, known)
	homes := f.homesOf(key)
	switch {
	case distance <= 1, distance == 2 && len(key) > 4 && (len(homes) == 0 || strings.HasPrefix(near, key)): // address, addresses
		return fmt.Sprintf("unknown key: did you mean %s?", near), near
	case slices.Contains(keysOf(f.root), key):
		if len(homes) > 0 {
			return fmt.Sprintf("unknown key here: it belongs at the top level, as %s", homes[0]), ""
		}
		return "unknown key here: it belongs at the top of the file, above the first [table]", ""
	case len(homes) > 0:
		return fmt.Sprintf("unknown key here: it belongs into %s", strings.Join(homes, " or ")), ""
	}
	return fmt.Sprintf("unknown key: expected one of %s", strings.Join(known, ", ")), ""
}

// homesOf lists the top level tables that have key; for a key that is such a
// table, it is the table as it is written.
func (f *filler) homesOf(key string) []string {
	var homes []string
	for field := range f.root.Fields() {
		name, t := field.Tag.Get("toml"), field.Type
		if name == "" {
			continue
		}
		header := "[" + name + "]"
		if t.Kind() == reflect.Slice {
			header, t = "["+header+"]", t.Elem()
		}
		if t.Kind() != reflect.Struct {
			continue
		}
		if name == key {
			return []string{header}
		}
		if slices.Contains(keysOf(t), key) {
			homes = append(homes, header)
		}
	}
	return homes
}
