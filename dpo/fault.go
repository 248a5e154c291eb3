package dpo

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/rs/zerolog"

	"radpo/internal/flow"
	"radpo/internal/hf"
	"radpo/internal/model"
	"radpo/internal/torch"
)

// What a part of a step that is not finite holds, beside metrics.jsonl with the
// steps before it.
const (
	jobFile   = "job.json"    // the training as processes are told of it
	faultFile = "pairs.jsonl" // the step's pairs, to look at
	policyDir = "policy"      // the policy that met them, or
	factorDir = AdapterFolder // with LoRA, its change of where it started
)

// A keeper is what steps that are not finite are kept with.
type keeper struct {
	*trainer
	job  job
	out  *flow.Out
	base *hf.Folder // of the policy, for files that its weights do not have
}

// keep makes a step, numbered from 1, a part and logs the command that takes it
// again. The newest such part is kept.
func (t keeper) keep(ctx context.Context, rows []row, step int, why error) error {
	part := fmt.Sprintf("%s%08d", faultPart, step)
	dir, _ := t.out.Part(part)
	if err := t.out.Commit(part, func(dir string) error { return t.write(dir, rows, step, why) }); err != nil {
		return err
	}
	event := zerolog.Ctx(ctx).Warn().Int("step", step).Str("kept", dir)
	if t.config.NonFinite == "skip" {
		event = event.Int("skipped", t.skipped()+1)
	}
	event.Str("repeat", "radpo replay "+dir).Msg(why.Error())
	return prune(t.out, faultPart, 1)
}

// write fills dir with all that the step depends on and the run folder may not
// have: weights, and the steps before.
func (t keeper) write(dir string, rows []row, step int, why error) error {
	j := t.job
	j.Inputs = slices.Clone(j.Inputs)
	for i, path := range j.Inputs {
		if path == "" {
			continue
		}
		var err error
		if j.Inputs[i], err = filepath.Abs(path); err != nil {
			return err
		}
	}
	text, err := json.Marshal(j)
	if err != nil {
		return err
	}
	err = errors.Join(os.WriteFile(filepath.Join(dir, jobFile), append(text, '\n'), 0o644), writeMetrics(filepath.Join(dir, MetricsFile), t.history),
		writePairs(filepath.Join(dir, faultFile), rows, step, j.Config.Seed, why))
	if err != nil {
		return err
	}
	if lora := t.config.LoRA; lora.Rank > 0 {
		return model.SaveLoRA(filepath.Join(dir, factorDir), adapter(lora), t.params)
	}
	return t.savePolicyAs(filepath.Join(dir, policyDir), t.base)
}

// Replay takes the step again that a part at dir keeps: it ends in the same
// words, or in what the step comes to. The inputs of the training, the same
// device and the same number of threads must be there.
func Replay(ctx context.Context, dir string) (m Step, err error) {
	var j job
	text, err := os.ReadFile(filepath.Join(dir, jobFile))
	if err == nil {
		err = json.Unmarshal(text, &j)
	}
	if err != nil || len(j.Inputs) < 3 {
		return m, errors.Join(fmt.Errorf("%s keeps no step that was not finite", dir), err)
	}
	history, err := readMetrics(filepath.Join(dir, MetricsFile))
	if err != nil {
		return m, err
	}
	if j.Config.NonFinite = "halt"; j.Config.LoRA.Rank == 0 {
		j.Inputs[0] = filepath.Join(dir, policyDir)
	}
	err = j.join(ctx, func(s *torch.Scope, t *trainer) error {
		if j.Config.LoRA.Rank > 0 {
			if err := t.takeFactors(s, filepath.Join(dir, factorDir)); err != nil {
				return err
			}
		}
		t.history = history
		m, err = t.step(ctx, s, len(history))
		return err
	})
	if err != nil {
		return m, fmt.Errorf("step %d: %w", len(history)+1, err)
	}
	return m, nil
}

// takeFactors puts the change at dir in place of the one that the policy has.
func (t *trainer) takeFactors(s *torch.Scope, dir string) error {
	f, err := hf.Open(dir)
	if err != nil {
		return err
	}
	defer f.Close()
	factors, err := model.OpenLoRA(s, t.policy, f)
	if err == nil {
		t.opt = newOptimizer(s, factors, t.config, t.opt.sharing)
	}
	return err
}

// writePairs writes rows as pairs that [table.ReadPairs] reads, with where they
// come from and what was not finite.
func writePairs(path string, rows []row, step int, seed int64, why error) error {
	var b bytes.Buffer
	for _, r := range rows {
		line := map[string]any{
			"pair_id": r.id, "prompt_ids": r.prompt, "chosen_ids": r.chosen, "rejected_ids": slices.Concat([]int32{}, r.rejected),
			"step": step, "seed": seed, "not_finite": why.Error(),
		}
		if torch.Finite(float64(r.gap)) {
			line["reward_chosen"], line["reward_rejected"] = r.gap, 0 // losses read their difference
		}
		if torch.Finite(float64(r.win + r.winNot)) {
			line["win_chosen"], line["win_rejected"] = r.win, r.winNot
		}
		text, err := json.Marshal(line)
		if err != nil {
			return err
		}
		b.Write(append(text, '\n'))
	}
	return os.WriteFile(path, b.Bytes(), 0o644)
}
