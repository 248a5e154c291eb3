package model

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"radpo/internal/hf"
	"radpo/internal/nn"
	"radpo/internal/torch"
)

// Input is a batch of token sequences.
type Input struct {
	IDs       torch.Tensor // [B,T] long
	Positions torch.Tensor // [B,T] long
	Mask      torch.Tensor // [B,1,T,S] bool, true where a key is seen; undefined: causal
	KV        nn.KV        // earlier tokens; nil: none
	Forks     *nn.Forks    // in place of Mask and KV
	Leave     torch.Tensor // [N] long: the tokens of B·T whose hidden states are wanted; undefined: all
	Tape      *torch.Tape  // a piece a layer, for training; nil: none
}

// A Body maps tokens to hidden states.
type Body interface {
	// Hidden is the final-normed hidden state of each token, [B,T,D], or of
	// those of in.Leave, [N,D].
	Hidden(s *torch.Scope, in Input) torch.Tensor
}

// A Policy is a language model.
type Policy interface {
	Body
	// Logits maps hidden states [..., D] to the vocabulary, [..., V].
	Logits(s *torch.Scope, hidden torch.Tensor) torch.Tensor
	// Logps is log softmax(Logits)[ids[i]] of each hidden state [N,D], fp32 [N],
	// without the logits of all at once.
	Logps(s *torch.Scope, hidden, ids torch.Tensor) torch.Tensor
	Config() hf.Config
}

// OpenPolicy binds the language model in f, in dtype d. A trainable model has
// memory of its own; another may share the folder's mapped file, which must
// stay open.
func OpenPolicy(s *torch.Scope, f *hf.Folder, d torch.DType, trainable bool) (Policy, error) {
	p, extra, err := newPolicy(f)
	if err != nil {
		return nil, err
	}
	p.rest = f.Rest
	return p, bind(s, f, p, d, trainable, extra...)
}

// OpenPolicyBy is OpenPolicy with weights that keep makes, in s, of each tensor
// that was read, in the order of [Params]. That one is gone afterwards.
func OpenPolicyBy(s *torch.Scope, f *hf.Folder, d torch.DType, keep func(inner *torch.Scope, read torch.Tensor) torch.Tensor) (Policy, error) {
	p, extra, err := newPolicy(f)
	if err != nil {
		return nil, err
	}
	tensors, err := match(f, p, extra...)
	if err != nil {
		return nil, err
	}
	for _, q := range Params(p) {
		s.Each(func(s *torch.Scope) {
			q.Weight.Tensor = keep(s, load(s, tensors[q.Name], *q.Weight, d, false))
		})
	}
	return p, nil
}

// Layer is the number of the layer that a weight of this name belongs to, or −1.
func Layer(name string) int {
	_, behind, _ := strings.Cut(name, "layers.")
	number, _, _ := strings.Cut(behind, ".")
	if n, err := strconv.Atoi(number); err == nil {
		return n
	}
	return -1
}

// CheckPolicy reports whether f holds a language model whose weights fit its
// config, without loading them.
func CheckPolicy(f *hf.Folder) error {
	p, extra, err := newPolicy(f)
	if err != nil {
		return err
	}
	_, err = match(f, p, extra...)
	return err
}

// newPolicy is the unbound model of f, and what its checkpoint may have besides.
func newPolicy(f *hf.Folder) (m *Decoder, extra []string, err error) {
	c, err := f.Config()
	if err != nil {
		return nil, nil, err
	}
	m = &Decoder{config: c}
	if m.Body, err = newBody(f, c, "ForCausalLM"); err != nil {
		return nil, nil, err
	}
	if c.TieWordEmbeddings {
		return m, []string{"lm_head.weight"}, nil
	}
	m.Head = nn.NewLinear(c.HiddenSize, c.VocabSize, false)
	return m, nil, nil
}

// supported are the names of the architectures with head.
func supported(head string) []string {
	var names []string
	for family := range decoders {
		names = append(names, family+head)
	}
	slices.Sort(names)
	return names
}

// DType is the torch type that a configuration names.
func DType(name string) (torch.DType, error) {
	switch name {
	case "float32":
		return torch.Float, nil
	case "bfloat16":
		return torch.BFloat16, nil
	}
	return 0, fmt.Errorf("dtype %q: want float32 or bfloat16", name)
}

// Shapes lists the weights that the config of the model folder at dir asks
// for, unbound: what a new checkpoint has to hold.
func Shapes(dir string) ([]Param, error) {
	f, err := hf.Open(dir)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	p, _, err := newPolicy(f)
	if err != nil {
		return nil, err
	}
	return Params(p), nil
}
