package dpo

import (
	"path/filepath"
	"slices"
	"testing"

	"radpo/internal/hf"
	"radpo/internal/model"
	"radpo/internal/table"
	"radpo/internal/torch"
)

// TestEveryArchitectureTrains takes ten steps on a policy of each, in fp32 and
// over bf16: the loss falls from ln 2 and every weight moves. The gradients
// themselves are held to transformers' in internal/model.
func TestEveryArchitectureTrains(t *testing.T) {
	c := goldenConfig()
	rows, _, err := readRows(table.ReadPairs("testdata/pairs.jsonl"), c.MaxLength, false)
	if err != nil {
		t.Fatal(err)
	}
	o, err := newObjective(c)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"mistral", "qwen2", "gemma2", "qwen3"} {
		for _, dtype := range []string{"float32", "bfloat16"} {
			dir := filepath.Join("../internal/model/testdata", name)
			err := withPolicy(t.Context(), dir, dtype, "cpu", true, func(s *torch.Scope, _ *hf.Folder, p model.Policy) error {
				rows := slices.Clone(rows)
				if err := reference(t.Context(), s, p, rows, refsConfig(c), nil); err != nil {
					return err
				}
				tr := &trainer{objective: o, policy: p, rows: rows, opt: newOptimizer(s, model.Params(p), c, sharing{})}
				var before [][]float32
				for i := range tr.opt.names {
					before = append(before, tr.opt.master(s, i).Floats())
				}
				if err := tr.run(t.Context(), s, nil); err != nil {
					return err
				}
				for i, weight := range tr.opt.names {
					if slices.Equal(tr.opt.master(s, i).Floats(), before[i]) {
						t.Errorf("%s in %s: %s did not move", name, dtype, weight)
					}
				}
				if first, last := tr.history[0].Loss, tr.history[len(tr.history)-1].Loss; !(last < first-0.1) {
					t.Errorf("%s in %s: loss went from %v to %v", name, dtype, first, last)
				}
				return nil
			})
			if err != nil {
				t.Errorf("%s in %s: %v", name, dtype, err)
			}
		}
	}
}
