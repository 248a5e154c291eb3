package dpo

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"path/filepath"
	"slices"
	"strings"

	"radpo/configs"
	"radpo/internal/flow"
	"radpo/internal/hf"
	"radpo/internal/model"
	"radpo/internal/progress"
	"radpo/internal/table"
	"radpo/internal/torch"
)

// Refs reads a policy and pairs tables and writes the policy's
// log-probabilities of their responses. Rows that training drops are left out.
var Refs = flow.Kind[RefsConfig]{Name: "refs", Version: 3, Run: runRefs}

// Train reads a policy to start from, the reference's log-probabilities and
// pairs tables, and writes the trained policy with its metrics.jsonl and
// rows.json. The log-probabilities may be left out for losses that need no
// reference. It keeps a checkpoint every SaveEvery steps, and one when its
// context ends.
var Train = flow.Kind[TrainConfig]{Name: "train", Version: 4, Run: runTrain}

// RowsFile is where a trained policy's folder keeps the [Counts] of its rows.
const RowsFile = "rows.json"

// A RefsConfig is what log-probabilities depend on besides what the stage
// reads.
type RefsConfig struct {
	MaxLength   int    `json:"dpo.max_length"`
	MicroTokens int    `json:"dpo.micro_tokens"`
	DType       string `json:"dtype"`
	Device      string `json:"device"`

	Tail      float64 `json:"tail"`      // weight of tokens behind the shorter response's length: 1 but for ld_dpo
	Unrelated bool    `json:"unrelated"` // also of responses to other prompts, for kto
	EMA       bool    `json:"ema"`       // of the average of the policy's weights, not of the policy
}

// ForTraining is the log-probabilities that the losses of d look at.
func (c RefsConfig) ForTraining(d configs.DPO) RefsConfig {
	o, _ := newObjective(d) // an unknown loss is told of when it trains
	if o.needs&Tail != 0 {
		c.Tail = d.Alpha
	}
	c.Unrelated = o.needs&Unrelated != 0
	return c
}

// A TrainConfig is what a trained policy depends on besides what the stage
// reads.
type TrainConfig struct {
	configs.DPO `json:"dpo"`
	Seed        int64  `json:"seed"`
	DType       string `json:"dtype"`
	Device      string `json:"device"`
}

// MarshalJSON leaves out what the policy does not depend on, so that another
// save_every goes on from the checkpoint there is: how often and how many are
// kept, what happens where there would be no policy, what only spares memory,
// and what only chose the stage's inputs.
func (c TrainConfig) MarshalJSON() ([]byte, error) {
	c.GradientCheckpointing, c.Shard = false, ""
	c.SaveEvery, c.Keep, c.NonFinite, c.MaxSkipped, c.MaxPromptLength, c.Start, c.Reference, c.Data = 0, 0, "", 0, 0, "", "", ""
	type fields TrainConfig
	return json.Marshal(fields(c))
}

// chunk is how many rows of refs one committed part holds: what a kill loses.
const chunk = 512

func runRefs(ctx context.Context, c RefsConfig, in flow.In, out *flow.Out) error {
	rows, _, err := readRows(read(inputs(in)[1:]), c.MaxLength, false)
	if err != nil {
		return err
	}
	w, err := table.Create[table.Ref](out.Dir(), nil)
	if err != nil {
		return err
	}
	policy := in.At(0)
	if c.EMA {
		policy = filepath.Join(policy, EMAFolder)
	}
	err = withPolicy(ctx, policy, c.DType, c.Device, false, func(s *torch.Scope, f *hf.Folder, p model.Policy) error {
		r := referee{config: c, policy: p, out: out, table: w, bar: progress.Start(ctx, int64(len(rows)), "pairs")}
		defer r.bar.Done()
		for i := 0; i < len(rows); i += chunk {
			if err := r.rows(ctx, s, rows[i:min(i+chunk, len(rows))], fmt.Sprintf("rows-%08d", i)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return w.Close()
}

// A referee takes a policy's log-probabilities part by part.
type referee struct {
	config RefsConfig
	policy model.Policy
	out    *flow.Out
	table  *table.Writer[table.Ref]
	bar    *progress.Bar
}

// rows computes one part unless an earlier run did, and writes it to the table.
func (r referee) rows(ctx context.Context, s *torch.Scope, rows []row, part string) error {
	dir, old, err := r.out.Ensure(part, func(dir string) error {
		if err := reference(ctx, s, r.policy, rows, r.config, r.bar); err != nil {
			return err
		}
		return writeRefs(dir, rows)
	})
	if err != nil {
		return err
	}
	if old {
		r.bar.Skip(int64(len(rows)))
	}
	return r.table.Append(dir)
}

func writeRefs(dir string, rows []row) error {
	refs := make([]table.Ref, len(rows))
	for i, r := range rows {
		refs[i] = table.Ref{
			PairID: r.id, Chosen: r.refChosen, Rejected: r.refRejected, ChosenTokens: int32(len(r.chosen)), RejectedTokens: int32(len(r.rejected)),
			UnrelatedChosen: r.refUnrelated[0], UnrelatedRejected: r.refUnrelated[1],
		}
	}
	return table.WriteAll(dir, nil, refs)
}

func runTrain(ctx context.Context, c TrainConfig, in flow.In, out *flow.Out) error {
	pairs := inputs(in)[2:]
	o, rows, counts, err := prepare(c, read(pairs), in.At(1))
	if err != nil {
		return err
	}
	group, last := torch.GroupOf(ctx), ""
	if saved := parts(out, checkpointPart); len(saved) > 0 {
		last, _ = out.Part(saved[len(saved)-1])
	}
	if err := announce(ctx, group, c, in, last); err != nil {
		return err
	}
	return withTrained(ctx, in.At(0), c, func(s *torch.Scope, f *hf.Folder, t *trainer) error {
		t.objective, t.rows, t.attributes = o, rows, attributes(pairs)
		k := keeper{trainer: t, job: job{Config: wholeConfig(c), Inputs: inputs(in)}, out: out, base: f}
		t.report = func(rows []row, step int, why error) error { return k.keep(ctx, rows, step, why) }
		curve, err := newCurve(out.Dir())
		if err != nil {
			return err
		}
		defer curve.Close()
		t.publish = curve.add
		if err := t.resume(ctx, s, last, func() error { return t.checkpoint(out) }); err != nil {
			return err
		}
		if err := t.checkWeights(); err != nil {
			return err
		}
		if c.LoRA.Rank > 0 {
			a := adapter(c.LoRA)
			if !within(out.Dir(), f.Path()) {
				a.Base, a.Revision = f.Found()
			}
			if err := model.SaveLoRA(filepath.Join(out.Dir(), AdapterFolder), a, t.params); err != nil {
				return err
			}
			model.Merge(s, t.policy)
		}
		if err := t.savePolicy(out.Dir(), f); err != nil {
			return err
		}
		return writeCounts(filepath.Join(out.Dir(), RowsFile), counts)
	})
}

// prepare reads the rows that c trains on, with what its losses look at.
func prepare(c TrainConfig, pairs iter.Seq2[table.Pair, error], refs string) (objective, []row, Counts, error) {
	o, err := newObjective(c.DPO)
	if err != nil {
		return o, nil, Counts{}, err
	}
	rows, counts, err := readRows(pairs, c.MaxLength, o.needs&Rejected == 0)
	if err == nil {
		err = o.equip(rows, refs)
	}
	return o, rows, counts, err
}

// AdapterFolder is where a policy that was trained by LoRA keeps its change, as
// PEFT does. The policy's own weights have it merged.
const AdapterFolder = "adapter"

// within says whether path lies in the run folder that out is the work of:
// artifacts have no names outside.
func within(out, path string) bool {
	run, err := filepath.Abs(filepath.Join(out, "..", "..", ".."))
	return err == nil && strings.HasPrefix(path, run+string(filepath.Separator))
}

// trainable are p's weights, or the factors of a new change of them.
func trainable(s *torch.Scope, p model.Policy, c TrainConfig) ([]model.Param, error) {
	if c.LoRA.Rank == 0 {
		return model.Params(p), nil
	}
	return model.NewLoRA(s, p, adapter(c.LoRA), c.Seed)
}

func adapter(c configs.LoRA) hf.Adapter {
	return hf.Adapter{Rank: c.Rank, Alpha: c.Alpha, RSLoRA: c.RSLoRA, Targets: c.Targets}
}

// EMAFolder is where a trained policy's folder keeps the average of its
// weights, a model folder too.
const EMAFolder = "ema"

// savePolicy writes the policy, and its average if there is one, as model
// folders with what else base has. The policy is of no use afterwards.
func (t *trainer) savePolicy(dir string, base *hf.Folder) error {
	if err := t.savePolicyAs(dir, base); err != nil || t.opt.ema == 0 {
		return err
	}
	t.opt.takeAverages(t.opt.scope)
	return t.savePolicyAs(filepath.Join(dir, EMAFolder), base)
}

// savePolicyAs writes the policy as it is.
func (t *trainer) savePolicyAs(dir string, base *hf.Folder) error {
	tensors := model.Tensors(t.policy)
	shared := t.opt.stage == shareParameters
	for i := range tensors {
		if shared { // then they are the optimizer's, in this order
			tensors[i].Bytes = t.opt.bytes(t.opt.scope, t.opt.shares[i], t.opt.own[i])
		}
	}
	return t.write(tensors, shared, func(tensors []hf.Tensor) error { return hf.Save(dir, base, tensors, hf.ShardLimit) })
}

// equip gives rows what the losses look at beside the policy, or says what is
// missing.
func (o objective) equip(rows []row, refs string) error {
	if o.needs&Rewards != 0 {
		for _, r := range rows {
			if !torch.Finite(float64(r.gap)) {
				return fmt.Errorf("pair %s: dpo.loss %s reads reward_chosen and reward_rejected, which this row lacks", r.id, o.config.Loss)
			}
		}
	}
	if o.needs&Reference == 0 {
		return nil
	}
	return attach(rows, refs)
}

// Names of a training's parts, before the number of a step.
const (
	checkpointPart = "step-"
	faultPart      = "not-finite-"
)

// checkpoint commits the state as a part; old ones go once it is there.
func (t *trainer) checkpoint(out *flow.Out) error {
	if err := out.Commit(fmt.Sprintf("%s%08d", checkpointPart, len(t.history)), t.save); err != nil {
		return err
	}
	return prune(out, checkpointPart, t.config.Keep)
}

// prune drops all but the newest parts of a kind.
func prune(out *flow.Out, kind string, keep int) error {
	names := parts(out, kind)
	for _, old := range names[:max(0, len(names)-keep)] {
		if err := out.Drop(old); err != nil {
			return err
		}
	}
	return nil
}

// parts are those of a kind, the oldest first.
func parts(out *flow.Out, kind string) []string {
	return slices.DeleteFunc(out.Parts(), func(name string) bool { return !strings.HasPrefix(name, kind) })
}

// attach gives rows the reference's log-probabilities of the table at dir.
func attach(rows []row, dir string) error {
	refs, err := table.ReadAll[table.Ref](dir)
	if err != nil {
		return err
	}
	if len(refs) != len(rows) {
		return fmt.Errorf("%d rows to train on and %d reference log-probabilities: they are not of one data set", len(rows), len(refs))
	}
	for i, r := range refs {
		if r.PairID != rows[i].id || int(r.ChosenTokens) != len(rows[i].chosen) || int(r.RejectedTokens) != len(rows[i].rejected) {
			return fmt.Errorf("row %d is pair %s and the reference's row is of %s: they are not of one data set", i, rows[i].id, r.PairID)
		}
		rows[i].refChosen, rows[i].refRejected = r.Chosen, r.Rejected
		rows[i].refUnrelated = [2]float32{r.UnrelatedChosen, r.UnrelatedRejected}
	}
	return nil
}

// inputs are the folders that a stage reads, "" for one left out.
func inputs(in flow.In) (dirs []string) {
	for i := 0; i < 2 || in.At(i) != ""; i++ {
		dirs = append(dirs, in.At(i))
	}
	return dirs
}

// read yields the rows of pairs tables.
func read(dirs []string) iter.Seq2[table.Pair, error] {
	return func(yield func(table.Pair, error) bool) {
		for _, dir := range dirs {
			for p, err := range table.ReadPairs(dir) {
				if !yield(p, err) {
					return
				}
			}
		}
	}
}

// withTrained calls fn with a trainer, whose rows and objective are still to be
// set, of the policy at dir.
func withTrained(ctx context.Context, dir string, c TrainConfig, fn func(*torch.Scope, *hf.Folder, *trainer) error) error {
	return withFolder(ctx, dir, c.DType, c.Device, func(s *torch.Scope, f *hf.Folder, d torch.DType) error {
		t, err := newTrainer(s, f, d, c, torch.GroupOf(ctx))
		if err != nil {
			return err
		}
		return fn(s, f, t)
	})
}

func newTrainer(s *torch.Scope, f *hf.Folder, d torch.DType, c TrainConfig, g *torch.Group) (*trainer, error) {
	h := newSharing(c.Shard, g)
	var p model.Policy
	var err error
	if h.stage == shareParameters {
		p, err = openShared(s, f, d, &h)
	} else {
		p, err = model.OpenPolicy(s, f, d, c.LoRA.Rank == 0)
	}
	if err != nil {
		return nil, err
	}
	params, err := trainable(s, p, c)
	if err != nil {
		return nil, err
	}
	t := &trainer{seed: c.Seed, policy: p, params: params, opt: newOptimizer(s, params, c.DPO, h), group: g}
	torch.GiveBack(t.opt.giveBack())
	return t, nil
}

func withPolicy(ctx context.Context, dir, dtype, device string, trainable bool, fn func(*torch.Scope, *hf.Folder, model.Policy) error) error {
	return withFolder(ctx, dir, dtype, device, func(s *torch.Scope, f *hf.Folder, d torch.DType) error {
		p, err := model.OpenPolicy(s, f, d, trainable)
		if err != nil {
			return err
		}
		return fn(s, f, p)
	})
}

func withFolder(ctx context.Context, dir, dtype, device string, fn func(*torch.Scope, *hf.Folder, torch.DType) error) error {
	f, err := hf.Open(dir)
	if err != nil {
		return err
	}
	defer f.Close()
	d, err := model.DType(dtype)
	if err != nil {
		return err
	}
	at, err := torch.OpenDevice(device)
	if err != nil {
		return err
	}
	return torch.Run(ctx, at, func(s *torch.Scope) error { return fn(s, f, d) })
}
