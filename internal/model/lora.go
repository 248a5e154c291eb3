package model

import (
	"errors"
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

// targets are the linear layers of m that a names. An entry that names none is
// an error, and so is a head that is the embedding.
func targets(m any, a hf.Adapter) ([]namedLinear, error) {
	var out []namedLinear
	met, tied := map[string]bool{}, ""
	walk(reflect.ValueOf(m), "", func(name string, l *nn.Linear) {
		for _, t := range a.Targets {
			met[t] = met[t] || hf.Names(t, name)
		}
		switch {
		case a.Wants(name) && l.Weight.Shape != nil:
			out = append(out, namedLinear{name, l})
		case a.Wants(name):
			tied = name
		}
	})
	if tied != "" {
		return nil, fmt.Errorf("%s is the embedding in this model (tie_word_embeddings), which LoRA cannot change here: take it from the targets", tied)
	}
	for _, t := range a.Targets {
		if !met[t] && !a.Some {
			return nil, fmt.Errorf("the model has no linear layer %q that LoRA could change", t)
		}
	}
	return out, nil
}

// NewLoRA adds a change without effect to each of a's targets in p and lists
// the factors, under PEFT's names: A uniform in ±1/√in by a draw of seed and the
// layer's name, as PEFT starts, B zero. The head has none, since its gradient
// would take all of the vocabulary.
func NewLoRA(s *torch.Scope, p Policy, a hf.Adapter, seed int64) ([]Param, error) {
	if a.Wants("lm_head") {
		return nil, errors.New("LoRA changes the layers below lm_head: take that from the targets")
	}
	return adapt(p, a, nil, func(name string, w *nn.Weight) error {
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

// OpenLoRA adds the changes of the PEFT folder f to m, a model, and lists the
// factors.
func OpenLoRA(s *torch.Scope, m any, f *hf.Folder) ([]Param, error) {
	a, tensors, err := f.Adapter()
	if err != nil {
		return nil, err
	}
	unused := map[string]hf.Tensor{}
	for _, t := range tensors {
		unused[t.Name] = t
	}
	take := func(name string, shape []int64) (t hf.Tensor, ok bool) {
		t, ok = unused[name]
		if _, known := torchTypes[t.DType]; !known || !slices.Equal(t.Shape, shape) {
			return t, false
		}
		delete(unused, name)
		return t, ok
	}
	skip := func(layer string) bool { // it is none of those that were changed
		_, ok := unused[peftPrefix+layer+".lora_A.weight"]
		return a.Some && !ok
	}
	params, err := adapt(m, a, skip, func(name string, w *nn.Weight) error {
		t, ok := take(name, w.Shape)
		if !ok {
			return fmt.Errorf("want a tensor %s of shape %v", name, w.Shape)
		}
		w.Tensor = load(s, t, nn.Weight{Wide: true}, torch.Float, true)
		return nil
	})
	walk(reflect.ValueOf(m), "", func(layer string, l *nn.Linear) {
		if l.LoRA == nil {
			return
		}
		if t, ok := take(peftPrefix+layer+".base_layer.weight", l.Weight.Shape); ok { // PEFT saves a head's own weight beside its change
			l.Weight.Tensor = load(s, t, l.Weight, l.Weight.DType(), true)
		}
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

// adapt gives every target but those to skip its change, with factors that fill
// makes.
func adapt(m any, a hf.Adapter, skip func(layer string) bool, fill func(name string, w *nn.Weight) error) ([]Param, error) {
	layers, err := targets(m, a)
	if err != nil {
		return nil, err
	}
	var out []Param
	for _, l := range layers {
		if skip != nil && skip(l.name) {
			continue
		}
		rank, alpha := a.Of(l.name)
		scale := alpha / float64(rank)
		if a.RSLoRA {
			scale = alpha / math.Sqrt(float64(rank))
		}
		shape, r := l.linear.Weight.Shape, int64(rank)
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
func Merge(s *torch.Scope, m any) {
	walk(reflect.ValueOf(m), "", func(_ string, l *nn.Linear) {
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
