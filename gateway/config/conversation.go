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
		switch {
		case !slices.Contains(names, name):
			k.Add(key, strconv.Itoa(n), "unknown name: %s", strict.Meant(name, names))
		case n < least || n > most:
			k.Add(key, strconv.Itoa(n), "expected a number from %d to %d", least, most)
		default:
			w[score.Row(name)] = n
		}
	}
	c.Rules.Weights = w
	c.checkThresholds(k)
}

// checkThresholds wants log-at, tag-at and quarantine-at in that order. What is
// out of it is told at a line that the operator wrote.
func (c *Config) checkThresholds(k *strict.Problems) {
	out := func(low, high score.Row) {
		at, word, other := low, "at most", high
		if _, written := c.Policy.Conversation[string(low)]; !written {
			at, word, other = high, "at least", low
		}
		w := c.Rules.Weights
		k.Add("policy.conversation."+string(at), strconv.Itoa(w.Of(at)), "expected %s %s (%d)", word, other, w.Of(other))
	}
	switch log, tag, hold := c.Rules.Weights.Of(score.LogAt), c.Rules.Weights.Of(score.TagAt), c.Rules.Weights.Of(score.QuarantineAt); {
	case log == 0:
		k.Add("policy.conversation."+string(score.LogAt), "0", "expected at least 1: all mail has 0 points")
	case log > tag:
		out(score.LogAt, score.TagAt)
	case tag > hold:
		out(score.TagAt, score.QuarantineAt)
	}
}

// held are the reasons for which mail is never refused, whatever is configured:
// who is wronged by a likeness can have what is held, and not what was refused.
var held = []policy.Reason{policy.LookalikeDomain, policy.StolenThread, policy.Impostor, policy.AddedLookalikes, policy.ReplyDiversion}

// warnOfDispositions warns of what is not done as it is written, and of fraud that
// is let in.
func (c *Config) warnOfDispositions(k *strict.Problems) {
	for _, r := range held {
		if c.Rules.Dispositions[r] == policy.Reject {
			k.Add("policy.dispositions."+string(r), quote(policy.Reject.String()), "is done as \"quarantine\": mail is never refused for a likeness, since whoever is wronged could not be helped")
		}
	}
	for _, r := range append([]policy.Reason{policy.OwnDomainSpoof}, held...) {
		if c.Rules.Dispositions[r] == policy.Relay {
			k.Add("policy.dispositions."+string(r), quote(policy.Relay.String()), "delivers such fraud without a word to the reader: \"tag\" delivers it with a warning, and one sender or pair is let through by an [[exception]] or `mxgate allow`")
		}
	}
}

// warnOfGroups warns of owners that are none.
func (c *Config) warnOfGroups(k *strict.Problems) {
	for i, g := range c.Groups {
		for j, name := range g.Domains {
			if d, err := mail.ParseDomain(name); err == nil && shared(d) {
				k.Add(fmt.Sprintf("group[%d].domains[%d]", i, j), quote(name), "belongs to all who have an account there: any of them may then resemble the others of %q", g.Name)
			}
		}
	}
}

// warnOfWeights warns of a likeness that counts more the less it is one.
func (c *Config) warnOfWeights(k *strict.Problems) {
	rows := []score.Row{score.Likeness80, score.Likeness65, score.Likeness50, score.Likeness35}
	for i, less := range rows[1:] {
		more := rows[i]
		if a, b := c.Rules.Weights.Of(more), c.Rules.Weights.Of(less); a < b {
			at, n, other := less, b, fmt.Sprintf("more than %s (%d)", more, a)
			if _, written := c.Policy.Conversation[string(less)]; !written {
				at, n, other = more, a, fmt.Sprintf("less than %s (%d)", less, b)
			}
			k.Add("policy.conversation."+string(at), strconv.Itoa(n), "is %s: the less alike two names are, the less it should count", other)
		}
	}
}
