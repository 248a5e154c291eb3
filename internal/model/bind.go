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
	walk(reflect.ValueOf(m), "", func(name string, w *nn.Weight) { out = append(out, Param{name, w}) })
	return out
}

var weightType = reflect.TypeFor[nn.Weight]()

// walk visits the weights below v: fields by their tag, slices by index.
func walk(v reflect.Value, path string, visit func(string, *nn.Weight)) {
	switch {
	case v.Kind() == reflect.Pointer || v.Kind() == reflect.Interface:
		walk(v.Elem(), path, visit)
	case v.Type() == weightType:
		if w := v.Addr().Interface().(*nn.Weight); w.Shape != nil {
			visit(path, w)
		}
	case v.Kind() == reflect.Slice:
		for i := range v.Len() {
			walk(v.Index(i), fmt.Sprintf("%s.%d", path, i), visit)
		}
	case v.Kind() == reflect.Struct:
		for i := range v.NumField() {
			if tag, ok := v.Type().Field(i).Tag.Lookup("w"); ok {
				walk(v.Field(i), strings.TrimPrefix(path+"."+tag, "."), visit)
			}
		}
	}
}

// bind fills the weights of m from f. Names in extra may be in the checkpoint
// without a use, such as the copy of a tied embedding.
func bind(s *torch.Scope, f *hf.Folder, m any, d torch.DType, trainable bool, extra ...string) error {
	tensors, err := f.Tensors()
	if err != nil {
		return err
	}
	byName := map[string]hf.Tensor{}
	for _, t := range tensors {
		byName[t.Name] = t
	}
	var faults []string
	for _, p := range Params(m) {
		t, ok := byName[p.Name]
		delete(byName, p.Name)
		switch {
		case !ok:
			faults = append(faults, fmt.Sprintf("%s is missing", p.Name))
		case !slices.Equal(t.Shape, p.Weight.Shape):
			faults = append(faults, fmt.Sprintf("%s has shape %v, the config wants %v", p.Name, t.Shape, p.Weight.Shape))
		case len(faults) == 0:
			if p.Weight.Tensor, err = load(s, t, *p.Weight, d, trainable); err != nil {
				faults = append(faults, err.Error())
			}
		}
	}
	for _, name := range extra {
		delete(byName, name)
	}
	for name := range byName {
		if !strings.HasSuffix(name, ".rotary_emb.inv_freq") { // a constant that old checkpoints carry
			faults = append(faults, fmt.Sprintf("%s is in the checkpoint and not in the model", name))
		}
	}
	if len(faults) == 0 {
		return nil
	}
	slices.Sort(faults)
	return fmt.Errorf("%s: the weights do not fit the config: %s", f.Name(), list(faults))
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
func load(s *torch.Scope, t hf.Tensor, w nn.Weight, d torch.DType, trainable bool) (torch.Tensor, error) {
	from, ok := torchTypes[t.DType]
	if !ok {
		return torch.Tensor{}, fmt.Errorf("%s has element type %s, want F32, F16 or BF16", t.Name, t.DType)
	}
	if w.Wide {
		d = torch.Float
	}
	aligned := uintptr(unsafe.Pointer(unsafe.SliceData(t.Data)))%uintptr(from.Size()) == 0
	if from == d && (trainable || !aligned) {
		return s.Copy(d, t.Data, t.Shape...), nil
	}
	if from == d {
		return s.Map(d, t.Data, t.Shape...), nil
	}
	return s.Tidy(func(s *torch.Scope) torch.Tensor { return s.To(s.Copy(from, t.Data, t.Shape...), d) }), nil
}

var hfTypes = map[torch.DType]hf.DType{torch.Float: hf.F32, torch.BFloat16: hf.BF16}

// Save writes the weights of m as a model folder that transformers loads, with
// base's configuration and tokenizer files. Dir must be new.
func Save(dir string, base *hf.Folder, m any) error {
	var tensors []hf.Tensor
	for _, p := range Params(m) {
		t := hf.Tensor{Name: p.Name, DType: hfTypes[p.Weight.DType()], Shape: p.Weight.Shape}
		p.Weight.Bytes(func(b []byte) { t.Data = slices.Clone(b) })
		tensors = append(tensors, t)
	}
	return hf.Save(dir, base, tensors, hf.ShardLimit)
}
