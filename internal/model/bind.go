package model

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"unsafe"

	"radpo/internal/hf"
	"radpo/internal/nn"
	"radpo/internal/torch"
)

// A Param is a bound weight under its checkpoint name.
type Param struct {
	Name   string
	Weight *nn.Weight
}

// Params lists the weights of a model in the order of its structs.
func Params(m any) []Param {
	var out []Param
	walk(reflect.ValueOf(m), "", func(name string, w *nn.Weight) {
		if w.Shape != nil {
			out = append(out, Param{name, w})
		}
	})
	return out
}

// walk visits the values of type T below v, a struct: fields by their tag, those
// of an empty one as v's own, slices by index.
func walk[T any](v reflect.Value, path string, visit func(string, *T)) {
	switch {
	case v.Kind() == reflect.Pointer || v.Kind() == reflect.Interface:
		if !v.IsNil() {
			walk(v.Elem(), path, visit)
		}
	case v.Type() == reflect.TypeFor[T]():
		visit(path, v.Addr().Interface().(*T))
	case v.Kind() == reflect.Slice:
		for i := range v.Len() {
			walk(v.Index(i), fmt.Sprintf("%s.%d", path, i), visit)
		}
	case v.Kind() == reflect.Struct:
		for i := range v.NumField() {
			if tag, ok := v.Type().Field(i).Tag.Lookup("w"); ok {
				walk(v.Field(i), strings.Trim(path+"."+tag, "."), visit)
			}
		}
	}
}

// match pairs the weights of m with the tensors of f by name. Names in extra
// may be in the checkpoint without a use, such as the copy of a tied embedding.
func match(f *hf.Folder, m any, extra ...string) (map[string]hf.Tensor, error) {
	tensors, err := byName(f)
	if err != nil {
		return nil, err
	}
	unused := map[string]bool{}
	for name := range tensors {
		unused[name] = !slices.Contains(extra, name)
	}
	var faults []string
	for _, p := range Params(m) {
		t, ok := tensors[p.Name]
		unused[p.Name] = false
		switch _, known := torchTypes[t.DType]; {
		case !ok:
			faults = append(faults, fmt.Sprintf("%s is missing", p.Name))
		case !slices.Equal(t.Shape, p.Weight.Shape):
			faults = append(faults, fmt.Sprintf("%s has shape %v, the config wants %v", p.Name, t.Shape, p.Weight.Shape))
		case !known:
			faults = append(faults, fmt.Sprintf("%s has element type %s, want F32, F16 or BF16", t.Name, t.DType))
		}
	}
	for name, yes := range unused {
		if yes && !strings.HasSuffix(name, ".rotary_emb.inv_freq") { // a constant that old checkpoints carry
			faults = append(faults, fmt.Sprintf("%s is in the checkpoint and not in the model", name))
		}
	}
	if len(faults) > 0 {
		slices.Sort(faults)
		return nil, fmt.Errorf("%s: the weights do not fit the config: %s; take both from one download", f.Name(), list(faults))
	}
	return tensors, nil
}

func byName(f *hf.Folder) (map[string]hf.Tensor, error) {
	list, err := f.Tensors()
	tensors := make(map[string]hf.Tensor, len(list))
	for _, t := range list {
		tensors[t.Name] = t
	}
	return tensors, err
}

// bind fills the weights of m from f, its overlay's changes worked in.
func bind(s *torch.Scope, f *hf.Folder, m any, d torch.DType, trainable bool, extra ...string) error {
	tensors, err := match(f, m, extra...)
	if err != nil {
		return err
	}
	for _, p := range Params(m) {
		p.Weight.Tensor = load(s, tensors[p.Name], *p.Weight, d, trainable)
		if trainable || s.Device() != torch.CPU || torchTypes[tensors[p.Name].DType] != d {
			f.Rest() // it was copied
		}
	}
	if f.Overlay() == nil {
		return nil
	}
	if _, err = OpenLoRA(s, m, f.Overlay()); err == nil {
		Merge(s, m)
	}
	return err
}

// list joins faults, the first ten.
func list(faults []string) string {
	if n := len(faults); n > 10 {
		return fmt.Sprintf("%s; and %d more", strings.Join(faults[:10], "; "), n-10)
	}
	return strings.Join(faults, "; ")
}

var torchTypes = map[hf.DType]torch.DType{hf.F32: torch.Float, hf.F16: torch.Half, hf.BF16: torch.BFloat16, hf.F64: torch.Double}

// load makes a tensor of t in dtype d: over the mapped file where it can.
func load(s *torch.Scope, t hf.Tensor, w nn.Weight, d torch.DType, trainable bool) torch.Tensor {
	from := torchTypes[t.DType]
	if w.Wide {
		d = torch.Float
	}
	aligned := uintptr(unsafe.Pointer(unsafe.SliceData(t.Data)))%uintptr(from.Size()) == 0
	switch {
	case from != d:
		return s.Tidy(func(s *torch.Scope) torch.Tensor { return s.To(s.Copy(from, t.Data, t.Shape...), d) })
	case trainable || !aligned:
		return s.Copy(d, t.Data, t.Shape...)
	}
	return s.Map(d, t.Data, t.Shape...)
}

var hfTypes = map[torch.DType]hf.DType{torch.Float: hf.F32, torch.BFloat16: hf.BF16}

// Save writes the weights of m as a model folder that transformers loads, with
// base's configuration and tokenizer files. Dir must be new.
func Save(dir string, base *hf.Folder, m any) error {
	return hf.Save(dir, base, tensorsOf(Params(m)), hf.ShardLimit)
}

// Tensors are the weights of m for writing, in the order of [Params].
func Tensors(m any) []hf.Tensor { return tensorsOf(Params(m)) }

func tensorsOf(params []Param) []hf.Tensor {
	var tensors []hf.Tensor
	for _, p := range params {
		t := hf.Tensor{Name: p.Name, DType: hfTypes[p.Weight.DType()], Shape: p.Weight.Shape, Bytes: p.Weight.Bytes}
		tensors = append(tensors, t)
	}
	return tensors
}
