package dpo

import (
	"fmt"
	"path/filepath"
	"slices"

	"radpo/internal/hf"
	"radpo/internal/torch"
)

// A checkpoint is a folder with the fp32 weights, both moments and the
// metrics so far: enough to go on bit for bit.
const stateFile = "state.safetensors"

// save writes a checkpoint into dir.
func (t *trainer) save(dir string) error {
	var tensors []hf.Tensor
	for i, name := range t.opt.names {
		for _, part := range t.opt.state(i) {
			x := hf.Tensor{Name: part.prefix + name, DType: hf.F32, Shape: part.tensor.Shape()}
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
	for i, name := range t.opt.names {
		for _, part := range t.opt.state(i) {
			x, ok := byName[part.prefix+name]
			if !ok || !slices.Equal(x.Shape, part.tensor.Shape()) || x.DType != hf.F32 {
				return fmt.Errorf("%s: no %s of shape %v: the checkpoint is of another model", filepath.Join(dir, stateFile), part.prefix+name, part.tensor.Shape())
			}
			s.Each(func(s *torch.Scope) { part.tensor.Set(s.Copy(torch.Float, x.Data, x.Shape...)) })
		}
		t.opt.weights[i].Set(t.opt.masters[i])
	}
	t.history, t.opt.steps = history, int64(len(history))
	return nil
}

type statePart struct {
	prefix string
	tensor torch.Tensor
}

func (o *optimizer) state(i int) []statePart {
	return []statePart{{"", o.masters[i]}, {"m.", o.m[i]}, {"v.", o.v[i]}}
}
