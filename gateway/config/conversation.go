package config

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"mxgate/gateway/config/strict"
	"mxgate/policy"
	"mxgate/policy/lookalike"
	"mxgate/policy/mail"
	"mxgate/policy/score"
)

// Memory says what is remembered of mail that was relayed.
type Memory struct {
	Enabled          bool `toml:"enabled"`
	MessageIDs       int  `toml:"message_ids"`
	ConversationDays int  `toml:"conversation_days"`
	ContactDays      int  `toml:"contact_days"`
}

// Group is a set of domains of one owner.
type Group struct {
	Name    string   `toml:"name"`
	Domains []string `toml:"domains"`
}

// maxWeight bounds the points of a row, and the percents of a factor.
const maxWeight = 1000

// checkGroups builds whose domains may resemble each other.
func (c *Config) checkGroups(k *strict.Problems) {
	owner := map[mail.Domain]string{}
	for i, g := range c.Groups {
		key := fmt.Sprintf("group[%d]", i)
		switch same := func(other Group) bool { return other.Name == g.Name }; {
		case strings.TrimSpace(g.Name) == "":
			k.Add(key+".name", quote(g.Name), "missing: expected who owns these domains, in a word or two")
		case slices.ContainsFunc(c.Groups[:i], same):
			k.Add(key+".name", quote(g.Name), "used twice: expected one group for each owner")
		}
		if len(g.Domains) < 2 {
			k.Add(key+".domains", "", "expected two domains or more: one alone has nothing to resemble")
		}
		var owned []mail.Domain
		for j, name := range g.Domains {
			at := fmt.Sprintf("%s.domains[%d]", key, j)
			d, ok := registrable(k, at, name)
			if !ok {
				continue
			}
			switch other, taken := owner[d]; {
			case taken && other == g.Name:
				k.Add(at, quote(name), "listed twice: expected each domain once")
				continue
			case taken:
				k.Add(at, quote(name), "is in the group %q already: expected each domain with one owner", other)
				continue
			}
			owner[d] = g.Name
			owned = append(owned, d)
		}
		c.Owners = append(c.Owners, owned)
	}
}

// registrable reads a domain that somebody can own as a whole.
func registrable(k *strict.Problems, key, name string) (mail.Domain, bool) {
	d, err := mail.ParseDomain(name)
	if err != nil || !strings.Contains(string(d), ".") {
		k.Add(key, quote(name), "%s", aDomain)
		return "", false
	}
	switch r := lookalike.Registrable(d); r {
	case d:
		return d, true
	case "":
		k.Add(key, quote(name), "below it anybody can register a domain: expected a domain that has one owner, such as \"partner.example\"")
	default:
		k.Add(key, quote(name), "expected the domain that is registered, %q: all below it is meant as well", r)
	}
	return "", false
}

// checkConversation builds the points for what speaks for an impostor.
func (c *Config) checkConversation(k *strict.Problems) {
	const at = "policy.conversation"
	var names []string
	for _, r := range score.Rows() {
		names = append(names, string(r))
	}
	var w score.Weights
	if len(c.Policy.Conversation) > 0 {
		w = score.Weights{}
	}
	for name, n := range c.Policy.Conversation {
		key := at + "." + name
		least, most := 0, maxWeight
		if name == string(score.EstablishedDomain) || name == string(score.OlderDomain) { // what speaks for him
			least, most = -maxWeight, 0
		}
		known := slices.Contains(names, name)
		switch near, distance := strict.Nearest(name, names); {
		case !known && distance <= 2:
			k.Add(key, strconv.Itoa(n), "unknown name: did you mean %s?", near)
		case !known:
			k.Add(key, strconv.Itoa(n), "unknown name: expected one of %s", strings.Join(names, ", "))
		case n < least || n > most:
			k.Add(key, strconv.Itoa(n), "expected a number from %d to %d", least, most)
		default:
			w[score.Row(name)] = n
		}
	}
	if log, tag, hold := w.Of(score.LogAt), w.Of(score.TagAt), w.Of(score.QuarantineAt); log > tag || tag > hold || log == 0 {
		k.Add(at+"."+string(score.QuarantineAt), strconv.Itoa(hold), "expected log-at (%d) of at least 1, tag-at (%d) not below it, and quarantine-at not below that", log, tag)
	}
	c.Rules.Weights = w
}

// held are the reasons for which mail is never refused, whatever is configured:
// who is wronged by a likeness can have what is held, and not what was refused.
var held = []policy.Reason{policy.StolenThread, policy.Impostor, policy.AddedLookalikes, policy.ReplyDiversion}

// warnOfConversation warns of what is not done as it is written, and of owners
// that are none.
func (c *Config) warnOfConversation(k *strict.Problems) {
	for _, r := range held {
		if c.Rules.Dispositions[r] == policy.Reject {
			k.Add("policy.dispositions."+string(r), quote(policy.Reject.String()), "is done as \"quarantine\": mail is never refused for a likeness, since whoever is wronged could not be helped")
		}
	}
	for i, g := range c.Groups {
		for j, name := range g.Domains {
			if slices.Contains(sharedSigners, mail.Domain(strings.ToLower(name))) {
				k.Add(fmt.Sprintf("group[%d].domains[%d]", i, j), quote(name), "belongs to all who have an account there: any of them may then resemble the others of %q", g.Name)
			}
		}
	}
}
