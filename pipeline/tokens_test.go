package pipeline

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"radpo/internal/table"
)

// askedBriefly is a system and a user turn by the template of the tests' policy.
var askedBriefly = []int32{315, 317, 82, 88, 277, 68, 76, 318, 198, 198, 33, 68, 281, 81, 72, 68, 69, 13, 319, 317, 270, 259, 318, 198, 198,
	263, 257, 220, 16, 220, 79, 75, 270, 220, 17, 30, 319, 317, 64, 82, 82, 72, 277, 64, 77, 83, 318, 198, 198}

const brieflyShown = `pair 7, goal_chosen, goal [9]

prompt, 49 tokens: no loss
  template   <|begin_of_text|>·315  <|start_header_id|>·317  s·82  y·88  st·277  e·68  m·76
             <|end_header_id|>·318  ⏎·198  ⏎·198
  system     B·33  e·68  ␣b·281  r·81  i·72  e·68  f·69  .·13
  template   <|eot_id|>·319  <|start_header_id|>·317  us·270  er·259  <|end_header_id|>·318  ⏎·198  ⏎·198
  user       What·263  ␣is·257  ␣·220  1·16  ␣·220  p·79  l·75  us·270  ␣·220  2·17  ?·30
  template   <|eot_id|>·319  <|start_header_id|>·317  a·64  s·82  s·82  i·72  st·277  a·64  n·77  t·83
             <|end_header_id|>·318  ⏎·198  ⏎·198

chosen, 4 tokens: loss on each, reward 9.25, 2 more cut by dpo.max_length 53
  chosen     It·290  ␣is·257  ␣thr·312  ee·295

rejected, 3 tokens: loss on each, reward 4
  rejected   <C3>·127  <A9>·102  <|eot_id|>·319
`

// TestShowTokens shows a pair as the trainer gets it, in a run folder.
func TestShowTokens(t *testing.T) {
	policy, err := filepath.Abs(testFolders + "policy")
	if err != nil {
		t.Fatal(err)
	}
	run := t.TempDir()
	config := fmt.Sprintf("model: %s\nprompts: {path: p.jsonl}\nranker: {kind: rule}\ndpo: {max_length: 53, max_prompt_length: 50}\n", policy)
	if err := os.WriteFile(filepath.Join(run, ConfigFile), []byte(config), 0o644); err != nil {
		t.Fatal(err)
	}
	artifact := filepath.Join(run, "artifacts", "pairs-1-0123abcd")
	if err := os.MkdirAll(artifact, 0o755); err != nil {
		t.Fatal(err)
	}
	pairs := []table.Pair{{ID: "6"}, {
		ID: "7", Kind: table.KindGoalChosen, Goal: []float64{9}, RewardChosen: 9.25, RewardRejected: 4,
		Messages:  []table.Message{{Role: "system", Content: " Be brief."}, {Role: "user", Content: "What is 1 plus 2?"}},
		PromptIDs: askedBriefly, ChosenIDs: []int32{290, 257, 312, 295, 13, 319}, RejectedIDs: []int32{127, 102, 319},
	}}
	if err := table.WriteAll(artifact, nil, pairs); err != nil {
		t.Fatal(err)
	}
	show := func(v TokenView) string {
		var b strings.Builder
		if err := ShowTokens(run, "pairs-1", v, &b); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	plain := show(TokenView{Row: 2})
	if diff := cmp.Diff(brieflyShown, plain); diff != "" {
		t.Error(diff)
	}
	colour := show(TokenView{Row: 2, Colour: true})
	for _, want := range []string{"\x1b[36mWhat\x1b[0m\x1b[2m·263\x1b[0m", "\x1b[1;32mIt\x1b[0m", "\x1b[1;31m<C3>\x1b[0m"} {
		if !strings.Contains(colour, want) {
			t.Errorf("in colour there is no %q:\n%s", want, colour)
		}
	}
}
