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

// save writes a checkpoint into dir, unless the weights are of no use.
func (t *trainer) save(dir string) error {
	if err := t.checkWeights(); err != nil {
		return err
	}
	var tensors []hf.Tensor
	for i := range t.opt.names {
		for _, part := range t.opt.state(i) {
			x := hf.Tensor{Name: part.name, DType: stored[part.tensor.DType()], Shape: part.tensor.Shape(), Bytes: part.tensor.Bytes}
			tensors = append(tensors, x)
		}
	}
	if err := hf.WriteFile(filepath.Join(dir, stateFile), tensors, nil); err != nil {
		return err
	}
	return writeMetrics(filepath.Join(dir, MetricsFile), t.history)
}

// checkWeights refuses weights that are NaN or infinite, or whose squares are.
func (t *trainer) checkWeights() error {
	if norm := torch.Norm(t.opt.weights); !torch.Finite(norm) {
		return fmt.Errorf("after step %d the weights' norm is %v: lower dpo.learning_rate", len(t.history), norm)
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
			dtype, shape := part.tensor.DType(), part.tensor.Shape()
			if !ok || !slices.Equal(x.Shape, shape) || x.DType != stored[dtype] {
				return fmt.Errorf("%s: no %s of type %s and shape %v: the checkpoint is of another model or optimizer",
					filepath.Join(dir, stateFile), part.name, stored[dtype], shape)
			}
			s.Each(func(s *torch.Scope) { part.tensor.Set(s.Copy(dtype, x.Data, x.Shape...)) })
		}
	}
	t.history, t.opt.steps = history, 0
	for _, m := range history {
		if !m.Skipped {
			t.opt.steps++
		}
	}
	return nil
}

type statePart struct {
	name   string
	tensor torch.Tensor
}

// state is all that is known of weight i.
func (o *optimizer) state(i int) []statePart {
	name := o.names[i]
	parts := []statePart{{name, o.weights[i]}}
	if o.lows[i].Defined() {
		parts = append(parts, statePart{"low." + name, o.lows[i]})
	}
	for k, m := range o.moments[i] {
		parts = append(parts, statePart{fmt.Sprintf("moment%d.%s", k, name), m.Values})
		if m.Scales.Defined() {
			parts = append(parts, statePart{fmt.Sprintf("scale%d.%s", k, name), m.Scales})
		}
	}
	if o.ema > 0 {
		parts = append(parts, statePart{"ema." + name, o.averages[i]})
	}
	return parts
}
