package model

import (
	"fmt"
	"strings"

	"radpo/internal/hf"
	"radpo/internal/nn"
	"radpo/internal/torch"
)

// A layer is one of a reward head.
type layer interface {
	Forward(s *torch.Scope, x torch.Tensor) torch.Tensor
}

// A sequential is layers one after another, under their numbers.
type sequential []layer

func (l sequential) Forward(s *torch.Scope, x torch.Tensor) torch.Tensor {
	for _, layer := range l {
		x = layer.Forward(s, x)
	}
	return x
}

// A relu has a number and no weights.
type relu struct{}

func (relu) Forward(s *torch.Scope, x torch.Tensor) torch.Tensor { return s.ReLU(x) }

// rectified is a linear layer and ReLU under one number.
type rectified struct {
	nn.Linear `w:""`
}

func (l *rectified) Forward(s *torch.Scope, x torch.Tensor) torch.Tensor {
	return s.ReLU(l.Linear.Forward(s, x))
}

func linear(in, out int, bias bool) *nn.Linear {
	l := nn.NewLinear(in, out, bias)
	return &l
}

// forward applies a head in its own dtype.
func forward(s *torch.Scope, head layer, x torch.Tensor) torch.Tensor {
	return head.Forward(s, s.To(x, Params(head)[0].Weight.DType()))
}

// widen keeps the weights of heads in fp32.
func widen(heads ...any) {
	for _, h := range heads {
		for _, p := range Params(h) {
			p.Weight.Wide = true
		}
	}
}

// newHead is the score head that tensors hold under prefix, from width
// features to one: a linear layer, or several under even numbers with ReLU
// between. It is nil when there is none.
func newHead(tensors map[string]hf.Tensor, prefix string, width int) (layer, error) {
	has := func(name string) bool {
		_, ok := tensors[name]
		return ok
	}
	if has(prefix + ".weight") {
		return linear(width, 1, has(prefix+".bias")), single(tensors[prefix+".weight"])
	}
	var layers sequential
	for at := prefix + ".0"; has(at + ".weight"); at = fmt.Sprint(prefix, ".", len(layers)+1) {
		w := tensors[at+".weight"]
		if len(w.Shape) != 2 {
			return nil, fmt.Errorf("%s has shape %v, want a matrix", w.Name, w.Shape)
		}
		if len(layers) > 0 {
			layers = append(layers, relu{})
		}
		layers = append(layers, linear(width, int(w.Shape[0]), has(at+".bias")))
		width = int(w.Shape[0])
	}
	if len(layers) == 0 {
		return nil, nil
	}
	return layers, single(tensors[fmt.Sprint(prefix, ".", len(layers)-1, ".weight")])
}

// single refuses a last layer with several outputs.
func single(w hf.Tensor) error {
	if len(w.Shape) > 0 && w.Shape[0] == 1 {
		return nil
	}
	return fmt.Errorf("%s has shape %v: a reward model has one output; of those with several only ArmoRM and QRM are known here", w.Name, w.Shape)
}

// rewardBody is the unbound body of a reward model: by its model_type, as the
// class names of reward models are their authors' own.
func rewardBody(f *hf.Folder, c hf.Config) (*DecoderBody, error) {
	for family, build := range decoders {
		if strings.ToLower(family) != c.ModelType {
			continue
		}
		body, err := build(c)
		if err != nil {
			return nil, fmt.Errorf("%s: config.json: %w", f.Name(), err)
		}
		return body, nil
	}
	return nil, fmt.Errorf("%s: config.json: a reward model of model_type %q is not supported here; supported: %s",
		f.Name(), c.ModelType, strings.ToLower(strings.Join(supported(""), ", ")))
}
