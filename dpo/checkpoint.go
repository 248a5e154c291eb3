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

// save writes a checkpoint into dir.
func (t *trainer) save(dir string) error {
	var tensors []hf.Tensor
	for i := range t.opt.names {
		for _, part := range t.opt.state(i) {
			x := hf.Tensor{Name: part.name, DType: stored[part.tensor.DType()], Shape: part.tensor.Shape()}
			part.tensor.Bytes(func(b []byte) { x.Data = slices.Clone(b) })
			tensors = append(tensors, x)
		}
	}
	if err := hf.WriteFile(filepath.Join(dir, stateFile), tensors, nil); err != nil {
		return err
	}
	return writeMetrics(filepath.Join(dir, MetricsFile), t.history)
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
	t.history, t.opt.steps = history, int64(len(history))
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
