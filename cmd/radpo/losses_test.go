package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"radpo/configs"
)

// TestTrainEveryLoss runs the verb for two steps of each loss. The policy is
// its own reference, so the first loss of a loss with a reference is known.
func TestTrainEveryLoss(t *testing.T) {
	const ln2, beta = math.Ln2, 0.1
	first := map[string]float64{
		"sigmoid": ln2, "sigmoid_norm": ln2, "robust": ln2, "hinge": 1, "ipo": 25, "ipo_sum": 25, "discopop": (ln2 + 1) / 2,
		"ld_dpo": ln2, "dpop": ln2, "aot": ln2, "aot_unpaired": ln2, "nca_pair": 2 * ln2, "bco_pair": 2 * ln2, "bco": 2 * ln2, "kto": 1,
		"sppo_hard": 50, "apo_zero": 1, "apo_down": 1, "exo_pair": -.5*math.Log(.999) - .5*math.Log(.001) - ln2,
	}
	pairs := rewarded(t)
	for _, loss := range append(configs.Losses(), "hinge+sft") {
		t.Run(loss, func(t *testing.T) {
			c, err := configs.Override(configs.Default(), []string{"dpo.loss=" + loss})
			if err != nil {
				t.Fatal(err)
			}
			sets := []string{"loss=" + loss, "batch=10", "learning_rate=1e-3", "micro_tokens=64", "max_length=64", "max_prompt_length=32"}
			if c.DPO.Beta > 0 {
				sets = append(sets, fmt.Sprint("beta=", beta))
			}
			steps := train(t, pairs, sets)
			if len(steps) != 2 || !(math.Abs(steps[0]["loss"]) > 0) || !(steps[0]["grad_norm"] > 0) {
				t.Fatalf("got steps %v, want two with a loss and a gradient", steps)
			}
			if want, known := first[loss]; known && math.Abs(steps[0]["loss"]-want) > 1e-4*want {
				t.Errorf("the first loss is %v, want %v", steps[0]["loss"], want)
			}
		})
	}
}

// rewarded is the reference pairs with rewards, as a file.
func rewarded(t *testing.T) string {
	t.Helper()
	var out bytes.Buffer
	i := 0
	for line := range strings.Lines(string(read(t, "../../dpo/testdata/pairs.jsonl"))) {
		var row map[string]any
		if err := json.Unmarshal([]byte(line), &row); err != nil {
			t.Fatal(err)
		}
		row["reward_chosen"], row["reward_rejected"] = 3+i%7, 2+i%5
		text, err := json.Marshal(row)
		if err != nil {
			t.Fatal(err)
		}
		out.Write(append(text, '\n'))
		i++
	}
	path := filepath.Join(t.TempDir(), "pairs.jsonl")
	if err := os.WriteFile(path, out.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// train runs the verb on the reference policy and returns its metrics.
func train(t *testing.T, pairs string, sets []string) []map[string]float64 {
	t.Helper()
	out := filepath.Join(t.TempDir(), "policy")
	args := []string{"train", "--model", "../../dpo/testdata/policy", "--pairs", pairs, "--out", out}
	for _, set := range sets {
		args = append(args, "--set", "dpo."+set)
	}
	var log bytes.Buffer
	if status := run(args, strings.NewReader(""), os.Stdout, &log); status != done {
		t.Fatalf("status %d\n%s", status, log.String())
	}
	return curve(t, out)
}
