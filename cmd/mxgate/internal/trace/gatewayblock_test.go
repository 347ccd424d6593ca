package trace

import (
	"slices"
	"strings"
	"testing"

	"mxgate/policy"
)

// gateBlock is what our gateway puts in front of a message from peer.
func gateBlock(peer, path string) string {
	return "Received: from x (unknown [" + peer + "])\r\n\tby gate.example.com (mxgate) with ESMTPS tls TLS_AES_128_GCM_SHA256\r\n\tid 0A1B2C3D4E5F for <bob@example.com>;\r\n\t" + nov26 + "\r\n" +
		"Authentication-Results: gate.example.com; spf=fail smtp.mailfrom=sender.example;\r\n\tdkim=none; dmarc=fail header.from=sender.example\r\n" +
		"X-Mxgate-Verdict: accept; reason=clean; mode=observe; id=0A1B2C3D4E5F\r\nX-Mxgate-Path: " + path + "\r\n"
}

func codeOf(got Traced, code string) (Point, bool) {
	i := slices.IndexFunc(got.Evidence, func(p Point) bool { return p.Code == code })
	if i < 0 {
		return Point{}, false
	}
	return got.Evidence[i], true
}

func TestWhatOurGatewayFoundIsEvidence(t *testing.T) {
	for _, c := range []struct {
		name, header string
		verdict      Verdict
		weight       int // of own-path
		confidence   int
		spf          string
	}{
		{"the same", gateBlock("203.0.113.140", `direct; source=""`), Direct, weightOwnResults, 75, "fail"},
		{"the same, behind servers of ours", inner + gateBlock("192.0.2.9", `via_current; source="new filter"; provider=mimecast`) + mimecast("203.0.113.77", early), ViaCurrent, weightOwnResults, 90, "fail"},
		{"more of the same", gateBlock("192.0.2.9", `provider_origin; source="new filter"`) + mimecast("203.0.113.77", early), ViaCurrent, weightOwnResults, 90, "fail"},
		{"that the provider left is still in force", gateBlock("203.0.113.9", `via_current; source="old"`) + hornet("192.0.2.77", nov26), ViaOld, 0, 85, "fail"},
		{"something else", gateBlock("203.0.113.140", `via_current; source="more ranges"`), Direct, weightContradiction, 45, "fail"},
		{"nothing", gateBlock("203.0.113.140", `undetermined; source=""`), Direct, -1, 70, "fail"},
		{"a word that it does not know", gateBlock("203.0.113.140", `via_moon; source=""`), Direct, -1, 70, "fail"},
	} {
		got, err := tracer(t, ourSide, Options{}).Trace(t.Context(), Input{Content: []byte(c.header + rest)})
		if err != nil {
			t.Fatal(err)
		}
		p, found := codeOf(got, "own-path")
		if got.Verdict != c.verdict || got.Confidence != c.confidence || got.Auth.SPF != c.spf || got.Auth.Source != "own" || found != (c.weight >= 0 || c.weight == weightContradiction) || found && p.Weight != c.weight {
			t.Errorf("it found %s: %s %d, %+v, %+v", c.name, got.Verdict, got.Confidence, got.Auth, got.Evidence)
		}
		if want := strings.Count(strings.ReplaceAll(c.header[:strings.Index(c.header, gatewayPath)], "\r\n\t", ""), "\r\n"); found && p.HeaderIndex != want {
			t.Errorf("%s: on field %d, want %d", c.name, p.HeaderIndex, want)
		}
		if _, ok := codeOf(got, "own-verdict"); !ok {
			t.Errorf("%s: the gateway's decision is not shown", c.name)
		}
	}
}

// Only a gateway of ours takes such fields out of what comes in.
func TestNobodyElseSpeaksForOurGateway(t *testing.T) {
	_, block, _ := strings.Cut(gateBlock("203.0.113.140", `via_current; source="new filter"`), nov26+"\r\n")
	foreign := strings.ReplaceAll(gateBlock("192.0.2.9", `via_current; source="new filter"`), "gate.example.com", "gate.else.example")
	for name, header := range map[string]string{
		"below a server that takes out nothing":   own("203.0.113.140", nov26) + block,
		"below a field of the client":             strings.Replace(gateBlock("203.0.113.140", "direct"), "X-Mxgate-Path: direct\r\n", "Subject: x\r\n"+block, 1),
		"at a gateway that is not ours":           own("203.0.113.140", nov26) + foreign,
		"at a gateway of ours that somebody made": own("203.0.113.140", nov26) + gateBlock("192.0.2.9", `via_current; source="new filter"`),
	} {
		got, err := tracer(t, ourSide, Options{}).Trace(t.Context(), Input{Content: []byte(header + rest)})
		if err != nil || got.Verdict != Direct {
			t.Fatalf("%s: %s, %v", name, got.Verdict, err)
		}
		if p, ok := codeOf(got, "own-path"); ok || got.Confidence != 70 {
			t.Errorf("%s: %d, %+v", name, got.Confidence, p)
		}
	}
	// Neither does another name in the block.
	header := strings.Replace(gateBlock("203.0.113.140", "direct"), "Results: gate.example.com;", "Results: mx.else.example;", 1)
	if got, err := tracer(t, ourSide, Options{}).Trace(t.Context(), Input{Content: []byte(header + rest)}); err != nil || got.Auth.Source != "" {
		t.Errorf("%+v, %v", got.Auth, err)
	}
}

// A configuration without ranges can be settled by a gateway that has them.
func TestOurGatewayKnowsRangesThatAreNotGiven(t *testing.T) {
	config := "[[domain]]\nname = \"example.com\"\n[[source]]\nname = \"pp\"\nprovider = \"proofpoint\"\n"
	for path, want := range map[string]Verdict{`via_current; source="pp"`: ViaCurrent, `direct; source=""`: Direct, `undetermined; source="pp"`: Undetermined} {
		got, err := tracer(t, config, Options{}).Trace(t.Context(), Input{Content: []byte(gateBlock("203.0.113.140", path) + rest)})
		if err != nil || got.Verdict != want || (got.Confidence > 0) != (want != Undetermined) || (got.Source == "pp") != (want == ViaCurrent) {
			t.Errorf("%s: %s %d by %q, %v", path, got.Verdict, got.Confidence, got.Source, err)
		}
	}
}

// The words are those that the gateway writes.
func TestAPathIsReadAsTheGatewayWritesIt(t *testing.T) {
	for _, source := range []string{"", "now", `of "ours"; source="x"`} {
		p := policy.Path{Verdict: policy.ProviderOrigin, Source: source, Provider: "mimecast"}
		if v, s := pathOf(p.String()); v != ProviderOrigin || s != source {
			t.Errorf("%s: %s %q", p.String(), v, s)
		}
	}
	if v, s := pathOf(`via_current; source="not closed`); v != ViaCurrent || s != "" {
		t.Errorf("%s %q", v, s)
	}
}
