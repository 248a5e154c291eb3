package dpo

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/rs/zerolog"

	"radpo/configs"
	"radpo/internal/flow"
	"radpo/internal/hf"
	"radpo/internal/model"
	"radpo/internal/torch"
)

// dump keeps a step whose loss or gradient is not finite, numbered from 1, as a
// part: its pairs, the reference's log-probabilities of them and the policy
// that met them; and logs the command that repeats the step. The newest such
// part is kept. With LoRA the policy is not, so there is no command.
func (t *trainer) dump(ctx context.Context, c TrainConfig, out *flow.Out, base *hf.Folder, rows []row, step int, why error) error {
	part := fmt.Sprintf("%s%08d", faultPart, step)
	err := out.Commit(part, func(dir string) error {
		if err := writeFault(filepath.Join(dir, "pairs.jsonl"), rows, step, c.Seed, why); err != nil {
			return err
		}
		if err := writeRefs(filepath.Join(dir, "refs"), rows); err != nil || c.LoRA.Rank > 0 {
			return err
		}
		return model.Save(filepath.Join(dir, "policy"), base, t.policy)
	})
	if err != nil {
		return err
	}
	dir, _ := out.Part(part)
	skipped := 1
	for _, m := range t.history {
		if m.Skipped {
			skipped++
		}
	}
	event := zerolog.Ctx(ctx).Warn().Int("step", step).Str("kept", dir)
	if c.NonFinite == "skip" {
		event = event.Int("skipped", skipped)
	}
	if c.LoRA.Rank == 0 {
		event = event.Str("repeat", c.replay(dir, len(rows)))
	}
	event.Msg(why.Error())
	return prune(out, faultPart, 1)
}

// writeFault writes rows as pairs that [table.ReadPairs] reads, with where they
// come from and what was not finite.
func writeFault(path string, rows []row, step int, seed int64, why error) error {
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

// replay is the command that takes the step again that dir keeps, alone.
func (c TrainConfig) replay(dir string, rows int) string {
	d := c.DPO
	d.Batch, d.Epochs, d.Order, d.NonFinite = rows, 1, "given", "halt"
	usual, err := configs.Override(configs.Default(), []string{"dpo.loss=" + d.Loss})
	if err != nil {
		usual = configs.Default() // every key is then named
	}
	d.MaxPromptLength, d.Start, d.Reference, d.Data = usual.DPO.MaxPromptLength, usual.DPO.Start, usual.DPO.Reference, usual.DPO.Data
	command := []string{"radpo", "train", "--model", filepath.Join(dir, "policy"), "--pairs", filepath.Join(dir, "pairs.jsonl"), "--refs", filepath.Join(dir, "refs"),
		"--out", "repeated", "--set", "dtype=" + c.DType, "--set", "device=" + c.Device}
	values, defaults := keys(d), keys(usual.DPO)
	names := []string{"loss"}
	for name, value := range values {
		if name != "loss" && !bytes.Equal(value, defaults[name]) {
			names = append(names, name)
		}
	}
	slices.Sort(names[1:])
	for _, name := range names {
		command = append(command, "--set", fmt.Sprintf("dpo.%s=%s", name, strings.Trim(string(values[name]), `"`)))
	}
	return strings.Join(command, " ")
}

// keys are the settings of d by name, as JSON.
func keys(d configs.DPO) (m map[string]json.RawMessage) {
	text, err := json.Marshal(d)
	if err == nil {
		_ = json.Unmarshal(text, &m) // an object, just written
	}
	return m
}
