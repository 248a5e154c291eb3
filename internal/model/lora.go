package model

import (
	"fmt"
	"hash/fnv"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"

	"radpo/internal/hf"
	"radpo/internal/nn"
	"radpo/internal/torch"
)

// peftPrefix is what PEFT puts in front of a layer's name.
const peftPrefix = "base_model.model."

// A namedLinear is a linear layer under its checkpoint name.
type namedLinear struct {
	name   string
	linear *nn.Linear
}

// targets are the linear layers of p that a names. An entry that names none is
// an error.
func targets(p Policy, a hf.Adapter) ([]namedLinear, error) {
	var out []namedLinear
	met := map[string]bool{}
	walk(reflect.ValueOf(p), "", func(name string, l *nn.Linear) {
		wanted := false
		for _, t := range a.Targets {
			if t == name || strings.HasSuffix(name, "."+t) || t == hf.AllLinear && name != "lm_head" {
				wanted, met[t] = true, true
			}
		}
		if wanted && l.Weight.Shape != nil {
			out = append(out, namedLinear{name, l})
		}
	})
	for _, t := range a.Targets {
		if !met[t] {
			return nil, fmt.Errorf("the model has no linear layer %q that LoRA could change", t)
		}
	}
	return out, nil
}

// NewLoRA adds a change without effect to each of a's targets in p and lists
// the factors, under PEFT's names: A uniform in ±1/√in by a draw of seed and the
// layer's name, as PEFT starts, B zero.
func NewLoRA(s *torch.Scope, p Policy, a hf.Adapter, seed int64) ([]Param, error) {
	return adapt(p, a, func(name string, w *nn.Weight) error {
		if strings.HasSuffix(name, "lora_B.weight") {
			w.Tensor = s.Zeros(torch.Float, w.Shape...)
			return nil
		}
		h := fnv.New64a()
		h.Write([]byte(name))
		r := rand.New(rand.NewPCG(uint64(seed), h.Sum64()))
		values := make([]float32, w.Shape[0]*w.Shape[1])
		bound := 1 / math.Sqrt(float64(w.Shape[1]))
		for i := range values {
			values[i] = float32((2*r.Float64() - 1) * bound)
		}
		w.Tensor = s.Floats(values, w.Shape...)
		return nil
	})
}

// OpenLoRA adds the changes of the PEFT folder f to p and lists the factors.
func OpenLoRA(s *torch.Scope, p Policy, f *hf.Folder) ([]Param, error) {
	a, tensors, err := f.Adapter()
	if err != nil {
		return nil, err
	}
	unused := map[string]hf.Tensor{}
	for _, t := range tensors {
		unused[t.Name] = t
	}
	params, err := adapt(p, a, func(name string, w *nn.Weight) error {
		t, ok := unused[name]
		if _, known := torchTypes[t.DType]; !ok || !known || !slices.Equal(t.Shape, w.Shape) {
			return fmt.Errorf("want a tensor %s of shape %v", name, w.Shape)
		}
		delete(unused, name)
		w.Tensor = load(s, t, nn.Weight{Wide: true}, torch.Float, true)
		return nil
	})
	for name := range unused {
		if err == nil {
			err = fmt.Errorf("%s belongs to no layer that the config names", name)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("%s: the adapter does not fit the model: %w", f.Name(), err)
	}
	return params, nil
}

// adapt gives every target its change, with factors that fill makes.
func adapt(p Policy, a hf.Adapter, fill func(name string, w *nn.Weight) error) ([]Param, error) {
	scale := a.Alpha / float64(a.Rank)
	if a.RSLoRA {
		scale = a.Alpha / math.Sqrt(float64(a.Rank))
	}
	layers, err := targets(p, a)
	if err != nil {
		return nil, err
	}
	var out []Param
	for _, l := range layers {
		shape, r := l.linear.Weight.Shape, int64(a.Rank)
		change := &nn.LoRA{A: nn.NewWeight(r, shape[1]), B: nn.NewWeight(shape[0], r), Scale: scale}
		for _, f := range []Param{{".lora_A.weight", &change.A}, {".lora_B.weight", &change.B}} {
			f.Name = peftPrefix + l.name + f.Name
			if err := fill(f.Name, f.Weight); err != nil {
				return nil, err
			}
			out = append(out, f)
		}
		l.linear.LoRA = change
	}
	return out, nil
}

// Merge works every change into its weight, in fp32 and rounded once, and
// takes it off.
func Merge(s *torch.Scope, p Policy) {
	walk(reflect.ValueOf(p), "", func(_ string, l *nn.Linear) {
		if l.LoRA == nil {
			return
		}
		w := l.Weight.Tensor
		l.Weight.Tensor = s.Tidy(func(s *torch.Scope) torch.Tensor {
			change := s.Scale(s.MatMul(s.Detach(l.LoRA.B.Tensor), s.Detach(l.LoRA.A.Tensor)), l.LoRA.Scale)
			return s.To(s.Add(s.To(w, torch.Float), change), w.DType())
		})
		l.LoRA = nil
	})
}

// SaveLoRA writes factors as a new folder that PEFT loads.
func SaveLoRA(dir string, a hf.Adapter, factors []Param) error {
	return hf.SaveAdapter(dir, a, tensorsOf(factors))
}
