package flow

import (
	"encoding/json"
	"testing"
)

// TestFingerprintStays guards the runs that users have: a change here makes
// every stage of theirs run again.
func TestFingerprintStays(t *testing.T) {
	type config struct {
		Beta  float64 `json:"beta"`
		Goals []int   `json:"goals"`
	}
	a, b := input{name: "a", print: Fingerprint{1}}, input{name: "b", print: Fingerprint{2}}
	stage := func(name, kind string, version int, beta float64) Stage {
		return Kind[config]{Name: kind, Version: version}.With(config{beta, []int{1}}, name)
	}
	same := stage("policy-1", "train", 1, 0.1)
	const want = "df7825c11b2b1f33d014994a36f48a481d13eb339b0b844644034efb74602830"
	tests := []struct {
		name   string
		stage  Stage
		inputs []input
		equal  bool
	}{
		{"itself", same, []input{a, b}, true},
		{"another name", stage("policy-2", "train", 1, 0.1), []input{a, b}, true},
		{"inputs under other names", same, []input{{"x", Fingerprint{1}, "/x"}, {"y", Fingerprint{2}, ""}}, true},
		{"an input left out at the end", same, []input{a, b, {}}, true},
		{"an input left out before", same, []input{{}, a, b}, false},
		{"inputs in another order", same, []input{b, a}, false},
		{"one input", same, []input{a}, false},
		{"another kind", stage("policy-1", "tune", 1, 0.1), []input{a, b}, false},
		{"another version", stage("policy-1", "train", 2, 0.1), []input{a, b}, false},
		{"another config", stage("policy-1", "train", 1, 0.2), []input{a, b}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			print, err := tt.stage.fingerprint(tt.inputs)
			if err != nil {
				t.Fatal(err)
			}
			if got := print.String(); (got == want) != tt.equal {
				t.Errorf("fingerprint is %s; equal to %s: want %t", got, want, tt.equal)
			}
		})
	}
}

func TestFingerprintText(t *testing.T) {
	want := Fingerprint{0xab, 31: 0xcd}
	text, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	var got Fingerprint
	if err := json.Unmarshal(text, &got); err != nil || got != want {
		t.Errorf("%s reads as %v, error %v", text, got, err)
	}
	if got, want := want.Short(), "ab000000"; got != want {
		t.Errorf("Short is %s, want %s", got, want)
	}
	for _, bad := range []string{"", "abcd", want.String() + "00", "x" + want.String()[1:]} {
		if got.UnmarshalText([]byte(bad)) == nil {
			t.Errorf("%q reads as a fingerprint", bad)
		}
	}
}

func TestWhy(t *testing.T) {
	old := record{
		Name: "s", Fingerprint: Fingerprint{9}, Kind: "k", Version: 1, Config: json.RawMessage(`{"beta":0.1}`),
		Inputs: map[string]Fingerprint{"a": {1}, "b": {2}},
	}
	s := &Store{last: map[string]record{"s": old}}
	a, b := input{name: "a", print: Fingerprint{1}}, input{name: "b", print: Fingerprint{2}}
	tests := []struct {
		want string
		node node
	}{
		{"no artifact yet", node{Stage: Stage{Name: "t"}}},
		{"its folder was removed", node{Stage: Stage{Name: "s"}, print: old.Fingerprint}},
		{"stage kind k -> l", node{Stage: Stage{Name: "s", Kind: "l", Version: 1}, inputs: []input{a, b}, config: old.Config}},
		{"stage version 1 -> 2; config changed: beta 0.1 -> 0.2", node{Stage: Stage{Name: "s", Kind: "k", Version: 2},
			inputs: []input{a, b}, config: json.RawMessage(`{"beta":0.2}`)}},
		{"input a changed; input c added; input b removed", node{Stage: Stage{Name: "s", Kind: "k", Version: 1},
			inputs: []input{{}, {name: "a"}, {name: "c"}}, config: old.Config}},
		{"inputs in another order", node{Stage: Stage{Name: "s", Kind: "k", Version: 1}, inputs: []input{b, a}, config: old.Config}},
	}
	for _, tt := range tests {
		if got := s.why(tt.node); got != tt.want {
			t.Errorf("why is %q, want %q", got, tt.want)
		}
	}
}
