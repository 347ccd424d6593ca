package config

import (
	"fmt"
	"slices"
	"strings"

	"mxgate/gateway/config/strict"
	"mxgate/policy"
	"mxgate/policy/lookalike"
	"mxgate/policy/mail"
)

func (c *Config) checkProtect(k *strict.Problems) {
	for _, d := range domains(k, "protect.domains", c.Protect.Domains, aDomain) {
		c.Targets = append(c.Targets, lookalike.Target{Domain: d, Tier: lookalike.Protected})
	}
	for i, p := range c.Protect.People {
		person := policy.NewPerson(p.Name)
		if strings.TrimSpace(p.Name) == "" {
			k.Add(fmt.Sprintf("protect.people[%d].name", i), quote(p.Name), "expected the name as mail clients show it")
		}
		for j, a := range p.Addresses {
			address, err := mail.ParseMailbox(a)
			if err != nil {
				k.Add(fmt.Sprintf("protect.people[%d].addresses[%d]", i, j), quote(a), "expected an address such as \"erika@example.com\"")
				continue
			}
			person.Addresses = append(person.Addresses, address)
		}
		c.People = append(c.People, person)
	}
}

// surelyAlike is the confidence from which two protected domains are told of: that
// from which the memory takes one for the look-alike of the other.
const surelyAlike = 50

// warnOfProtect warns of protection that does harm or nothing.
func (c *Config) warnOfProtect(k *strict.Problems) {
	near := lookalike.NewKnown()
	for _, d := range c.Own {
		near.Insert(d)
	}
	seen := map[mail.Domain]bool{}
	for i, name := range c.Protect.Domains {
		key := fmt.Sprintf("protect.domains[%d]", i)
		d, err := mail.ParseDomain(name)
		if err != nil {
			continue // a fault, and told as such
		}
		switch {
		case slices.ContainsFunc(c.Own, d.Within):
			k.Add(key, quote(name), "is yours, as a [[domain]], and protected by that: remove it here")
		case seen[d]:
			k.Add(key, quote(name), "listed twice: expected each domain once")
		case policy.FreeMail(d):
			k.Add(key, quote(name), "everybody can have a mailbox there, and mail from other services whose names resemble it would be held: expected domains of partners; people belong into protect.people")
		default:
			c.warnOfTwin(k, key, name, near)
		}
		seen[d] = true
		near.Insert(d)
	}
}

// warnOfTwin warns of a protected domain that resembles another one. Both are then
// exempt: a fraud that got into the list has what it wants. Another ending alone is
// what most houses have two of.
func (c *Config) warnOfTwin(k *strict.Problems, key, name string, near *lookalike.Known) {
	d, _ := mail.ParseDomain(name)
	for _, m := range near.Near(d) {
		if m.Class != lookalike.TLD && m.Confidence >= surelyAlike && !c.oneOwner(lookalike.Registrable(d), m.Target) {
			k.Add(key, quote(name), "resembles %s, which is protected too, so that neither is ever taken for an imitation of the other: if both are right, say so by a [[group]]; if one is not, remove it", m.Target.Unicode())
			return
		}
	}
}

// oneOwner reports whether a [[group]] has both.
func (c *Config) oneOwner(a, b mail.Domain) bool {
	return slices.ContainsFunc(c.Owners, func(group []mail.Domain) bool { return slices.Contains(group, a) && slices.Contains(group, b) })
}
