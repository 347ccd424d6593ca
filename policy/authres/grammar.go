package authres

import (
	"fmt"
	"slices"
	"strings"

	"mxgate/policy/mail"
)

// parser reads authres-payload of RFC 8601, Section 2.2, one function to a rule.
type parser struct {
	lexer
	field Field
}

func newParser(value string) (*parser, error) {
	if len(value) > maxParseOctets {
		return nil, fmt.Errorf("%w: longer than %d octets", ErrSyntax, maxParseOctets)
	}
	line, ok := unfold(value)
	if !ok {
		return nil, fmt.Errorf("%w: control character or stray line end", ErrSyntax)
	}
	return &parser{lexer: lexer{s: line}}, nil
}

// note remembers a defect.
func (p *parser) note(defect string) {
	if !slices.Contains(p.field.Defects, defect) {
		p.field.Defects = append(p.field.Defects, defect)
	}
}

// payload reads authres-payload to the end.
func (p *parser) payload() (Field, error) {
	p.skip()
	if p.startsWithMethod() {
		p.note(DefectNoID)
		p.result()
	} else {
		p.authservID()
	}
	for p.skip(); p.s != ""; p.skip() {
		p.must(';')
		p.skip()
		p.result()
	}
	if p.err == nil && p.field.None && len(p.field.Methods) > 0 {
		p.fail("results beside none")
	}
	if p.err != nil {
		return Field{}, p.err
	}
	if !p.field.None && len(p.field.Methods) == 0 {
		p.note(DefectNoResults)
	}
	return p.field, nil
}

// startsWithMethod looks whether a method stands where the authserv-id belongs.
func (p *parser) startsWithMethod() bool {
	ahead := lexer{s: p.s}
	if name := ahead.while("method", isTokenByte); !isKeyword(name) {
		return false
	}
	ahead.skip()
	return ahead.at('=') || ahead.at('/')
}

// authservID reads the authserv-id and the version of the syntax.
func (p *parser) authservID() {
	if p.at('"') {
		p.field.ID = p.quoted()
	} else {
		p.field.ID = p.while("authserv-id", func(c byte) bool { return isTokenByte(c) || c >= 0x80 })
	}
	if strings.Trim(p.field.ID, " \t") == "" { // nobody's, and Trusted has "" for a field without one
		p.fail("authserv-id")
	}
	if p.skip() && p.s != "" && !p.at(';') {
		p.field.Version = p.number("version")
	}
}

// result reads one resinfo, or no-result, or what stands in their place.
func (p *parser) result() {
	switch {
	case p.s == "" || p.at(';'):
		if p.err == nil {
			p.note(DefectEmpty)
		}
		return
	case p.secondID():
		p.note(DefectSecondID)
		return
	case len(p.field.Methods) == maxMethods:
		p.fail("end after so many methods")
		return
	}
	m := Method{Name: p.name("method")}
	p.checkName(m.Name)
	p.skip()
	if p.take('/') {
		p.skip()
		m.Version = p.number("version of the method")
		p.skip()
	}
	switch {
	case p.s == "" || p.at(';'):
		if m.Name == "none" && m.Version == 0 {
			p.field.None = true
			return
		}
		p.note(DefectNoResult)
	default:
		p.must('=')
		p.resultOf(&m)
	}
	p.field.Methods = append(p.field.Methods, m)
}

// secondID reads the authserv-id where it stands alone among the results.
func (p *parser) secondID() bool {
	ahead := lexer{s: p.s}
	word := ahead.while("authserv-id", isTokenByte)
	ahead.skip()
	if word == "" || !strings.EqualFold(word, p.field.ID) || ahead.s != "" && !ahead.at(';') || ahead.err != nil {
		return false
	}
	p.s = ahead.s
	return true
}

// resultOf reads what follows the "=" of a method.
func (p *parser) resultOf(m *Method) {
	p.skip()
	if p.s == "" || p.at(';') {
		p.note(DefectNoResult)
		return
	}
	m.Status = mail.Status(p.name("result"))
	p.checkName(string(m.Status))
	p.comment = ""
	spaced := p.skip()
	m.Comment = p.comment[:min(len(p.comment), maxComment)]
	for p.s != "" && !p.at(';') {
		if !spaced {
			p.fail("space before the property")
			return
		}
		p.property(m)
		spaced = p.skip()
	}
}

// property reads a propspec or reasonspec.
func (p *parser) property(m *Method) {
	var prop Property
	prop.Name = p.name("property")
	p.checkName(prop.Name)
	p.skip()
	if p.take('.') {
		p.skip()
		prop.Type, prop.Name = prop.Name, p.name("property")
		p.checkName(prop.Name)
		p.skip()
	}
	p.must('=')
	p.skip()
	prop.Value = p.value()
	switch {
	case prop.Type == "" && prop.Name == "reason" && m.Reason == "":
		if len(m.Properties) > 0 {
			p.note(DefectReason)
		}
		m.Reason = prop.Value
		return
	case prop.Type == "":
		p.note(DefectNoType)
	case prop.Value == "":
		p.note(DefectNoValue)
	}
	if len(m.Properties) == maxProperties {
		p.fail("end after so many properties")
		return
	}
	m.Properties = append(m.Properties, prop)
}

// value reads a pvalue: a value, or an address or "@" and domain. The quotes of
// a quoted local part stay, so that its "@" is not taken for the address's.
func (p *parser) value() string {
	if p.s == "" || p.at(';') {
		return ""
	}
	start := p.s
	quoted := p.at('"')
	if quoted {
		if text := p.quoted(); !p.at('@') {
			return text
		}
	}
	p.while("value", isUnquotedByte)
	text := start[:len(start)-len(p.s)]
	// Deviation: a comment right behind a value is CFWS to RFC 8601. It is also
	// what a domain "bank.example(.attacker.example" with a ")" later looks like
	// when the writer does not quote.
	if p.at('(') || p.at('"') || p.at('\\') {
		p.fail("end of the value")
	}
	if !quoted && !isToken(text) && !isAddress(text) {
		p.note(DefectUnquoted)
	}
	return text
}

func (p *parser) checkName(name string) {
	if p.err == nil && !isKeyword(name) {
		p.note(DefectName)
	}
}

// isAddress reports whether s is [ [ local-part ] "@" ] domain-name, unquoted.
func isAddress(s string) bool {
	at := strings.LastIndexByte(s, '@')
	if at > 0 && !isDotAtom(s[:at]) {
		return false
	}
	_, err := mail.ParseDomain(s[at+1:])
	return err == nil
}
