package trace

import (
	"strconv"
	"strings"

	"mxgate/policy"
	"mxgate/policy/authres"
)

// What our own gateway writes about a message stands below its Received field:
// it puts one block in front of the message, and Received is the first of it.
// Whatever bore these names in the message that came in, it has taken out. Other
// servers of ours take out nothing: below their hop everything is the client's.
const (
	gatewayProgram = "mxgate" // in the comment of the hop
	gatewayPrefix  = "X-Mxgate-"
	gatewayPath    = gatewayPrefix + "Path"
	gatewayVerdict = gatewayPrefix + "Verdict"
)

// gatewayBlock returns where in the fields the block of our gateway lies, without
// its Received field, if the hop at the border is a gateway of ours.
func (j *judgement) gatewayBlock() (start, end int) {
	h := &j.hops[j.at]
	start = h.Field + 1
	end = start
	if h.Program != gatewayProgram || !j.own[j.at] || j.service[j.at] != "" {
		return start, end
	}
	for end < len(j.m.Fields) {
		f := j.m.Fields[end]
		private := len(f.Name) > len(gatewayPrefix) && strings.EqualFold(f.Name[:len(gatewayPrefix)], gatewayPrefix)
		if !private && !f.Is("Authentication-Results") {
			break
		}
		end++
	}
	return start, end
}

// ownFields are the Authentication-Results that our servers wrote, newest first:
// those above the border, and those in the block of our gateway.
func (j *judgement) ownFields() []authres.Field {
	fields := authres.Trusted(j.m, j.hops[j.at].Field, j.authservIDs())
	start, end := j.gatewayBlock()
	block := *j.m
	block.Fields = j.m.Fields[start:end]
	for _, f := range authres.Trusted(&block, len(block.Fields), []string{j.hops[j.at].By}) {
		f.Index += start
		fields = append(fields, f)
	}
	return fields
}

// gateway compares the judgement with what our gateway, which saw the client
// itself, wrote when it took the message.
func (j *judgement) gateway() {
	start, end := j.gatewayBlock()
	for i := start; i < end; i++ {
		switch f := j.m.Fields[i]; {
		case f.Is(gatewayPath):
			j.gatewayFound(i, f.Value())
		case f.Is(gatewayVerdict):
			j.point("own-verdict", 0, i, "our gateway decided: %s", quoted(strings.Join(strings.Fields(f.Value()), " ")))
		}
	}
}

func (j *judgement) gatewayFound(field int, value string) {
	found, source := pathOf(value)
	text := string(found)
	if source != "" {
		text += " by source " + quoted(strconv.Quote(source))
	}
	switch {
	case found == "" || found == Undetermined:
	case j.verdict == Undetermined && j.reason == reasonRanges:
		j.verdict, j.reason = found, ""
		j.why = "our gateway, which knew the ranges, found so when it took the message from " + j.peer.String()
		j.point("own-path", weightRangeFirm, field, "our gateway found %s", text)
		for i := range j.t.config.Sources {
			if s := &j.t.config.Sources[i]; j.source == nil && s.Name == source && (throughIt(found) || found == ViaOld) {
				j.source = s
			}
		}
	case found == j.verdict, throughIt(found) && throughIt(j.verdict):
		j.point("own-path", weightOwnResults, field, "our gateway found the same: %s", text)
	case found == ViaCurrent && j.verdict == ViaOld:
		j.contradict("own-path", 0, field, "our gateway found %s: it still took that provider for one in force", text)
	default:
		j.contradict("own-path", weightContradiction, field, "our gateway found %s: its configuration and this one differ", text)
	}
}

// throughIt reports whether v says that a provider in force handed the message to us.
func throughIt(v Verdict) bool { return v == ViaCurrent || v == ProviderOrigin || v == Internal }

// pathOf reads what policy.Path writes: `via_current; source="name"; ...`.
func pathOf(value string) (v Verdict, source string) {
	word, rest, _ := strings.Cut(value, ";")
	switch p := policy.PathVerdict(strings.TrimSpace(word)); p {
	case policy.ViaCurrent, policy.ViaOld, policy.Direct, policy.PermittedDirect, policy.Internal, policy.ProviderOrigin, policy.Undetermined:
		v = Verdict(p)
	}
	if rest, ok := strings.CutPrefix(strings.TrimSpace(rest), "source="); ok {
		if prefix, err := strconv.QuotedPrefix(rest); err == nil {
			source, _ = strconv.Unquote(prefix)
		}
	}
	return v, source
}
