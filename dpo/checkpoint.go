package dpo

import (
	"fmt"
	"path/filepath"
	"slices"

	"radpo/internal/hf"
	"radpo/internal/torch"
)

// A checkpoint is a folder with the weights to their last bit, moments,
// averages and the metrics so far: enough to go on bit for bit.
const stateFile = "state.safetensors"

// stored is the types that state has, as safetensors spells them.
var stored = map[torch.DType]hf.DType{torch.Float: hf.F32, torch.BFloat16: hf.BF16, torch.Short: hf.I16, torch.Byte: hf.U8}

// save writes a checkpoint into dir, unless the weights are of no use. It holds
// all of the state, however many processes share that.
func (t *trainer) save(dir string) error {
	if err := t.checkWeights(); err != nil {
		return err
	}
	var tensors []hf.Tensor
	for i := range t.opt.names {
		for _, part := range t.opt.state(i) {
			x := hf.Tensor{Name: part.name, DType: stored[part.own.DType()], Shape: part.shape, Bytes: t.opt.bytes(t.opt.scope, part.share, part.own)}
			tensors = append(tensors, x)
		}
	}
	return t.write(tensors, t.opt.stage > shareNothing, func(tensors []hf.Tensor) error {
		if err := hf.WriteFile(filepath.Join(dir, stateFile), tensors, nil); err != nil {
			return err
		}
		return writeMetrics(filepath.Join(dir, MetricsFile), t.history)
	})
}

// write calls fn with tensors in the process that writes files; where they are
// shared the others help.
func (t *trainer) write(tensors []hf.Tensor, shared bool, fn func([]hf.Tensor) error) error {
	switch {
	case shared:
		return t.opt.write(t.opt.scope, tensors, fn)
	case t.group.Rank() > 0:
		return nil
	}
	return fn(tensors)
}

// checkWeights refuses weights that are NaN or infinite, or whose squares are.
func (t *trainer) checkWeights() error {
	if norm := t.opt.weightNorm(); !torch.Finite(norm) {
		return fmt.Errorf("after step %d the weights' norm is %v: lower dpo.learning_rate, or look at the model that training starts from", len(t.history), norm)
	}
	return nil
}

// load goes on from the checkpoint in dir.
func (t *trainer) load(s *torch.Scope, dir string) error {
	history, err := readMetrics(filepath.Join(dir, MetricsFile))
	if err != nil {
		return err
	}
	f, err := hf.OpenFile(filepath.Join(dir, stateFile))
	if err != nil {
		return err
	}
	defer f.Close()
	byName := map[string]hf.Tensor{}
	for _, x := range f.Tensors {
		byName[x.Name] = x
	}
	for i := range t.opt.names {
		for _, part := range t.opt.state(i) {
			x, ok := byName[part.name]
			dtype := part.own.DType()
			if !ok || !slices.Equal(x.Shape, part.shape) || x.DType != stored[dtype] {
				return fmt.Errorf("%s: no %s of type %s and shape %v: the checkpoint is of another model or optimizer",
					filepath.Join(dir, stateFile), part.name, stored[dtype], part.shape)
			}
			size := int64(dtype.Size())
			data := x.Data[part.share.From*size:][:part.share.Len*size]
			s.Each(func(s *torch.Scope) { part.own.Set(s.Copy(dtype, data, part.share.Len)) })
		}
	}
	t.history = history
	t.opt.steps = int64(len(history) - t.skipped())
	return nil
}

// A statePart is one tensor of a checkpoint.
type statePart struct {
	name  string
	shape []int64
	own   torch.Tensor // what this process has of it [Len]
	share torch.Share
}

// state is all that is known of weight i.
func (o *optimizer) state(i int) []statePart {
	name, shape, share := o.names[i], o.shapes[i], o.shares[i]
	weight := statePart{name, shape, o.own[i], share}
	if o.stage < shareParameters { // all processes have it whole
		weight.share = sharing{}.share(share.Of)
		weight.own = flat(o.scope, o.weights[i])
	}
	parts := []statePart{weight}
	if o.lows[i].Defined() {
		parts = append(parts, statePart{"low." + name, shape, o.lows[i], share})
	}
	for k, m := range o.moments[i] {
		parts = append(parts, statePart{fmt.Sprintf("moment%d.%s", k, name), []int64{share.Of}, m.Values, share})
		if m.Scales.Defined() {
			blocks := share.Blocks()
			parts = append(parts, statePart{fmt.Sprintf("scale%d.%s", k, name), []int64{blocks.Of}, m.Scales, blocks})
		}
	}
	if o.ema > 0 {
		parts = append(parts, statePart{"ema." + name, shape, o.averages[i], share})
	}
	return parts
}
