package model

import (
	"fmt"

	"radpo/internal/hf"
	"radpo/internal/nn"
	"radpo/internal/torch"
)

// A Classifier is a Bradley–Terry reward model: a body and one linear score
// of the last token's hidden state (transformers' ForSequenceClassification).
type Classifier struct {
	Body  Body      `w:"model"`
	Score nn.Linear `w:"score"`
}

// ArmoRM is a reward model of several objectives and a gate that weighs them
// by prompt (arXiv:2406.12845). Heads stay in fp32.
type ArmoRM struct {
	config     hf.Config
	Body       Body      `w:"model"`
	Regression nn.Linear `w:"regression_layer"`        // [objectives, D]
	Transform  nn.Weight `w:"reward_transform_matrix"` // [objectives, objectives], removes verbosity
	Gating     gate      `w:"gating"`
}

type gate struct {
	Scale  nn.Weight   `w:"logit_scale"` // [1]
	Layers []nn.Linear `w:"layers"`
}

// OpenClassifier binds the sequence classifier in f, its body in dtype d.
func OpenClassifier(s *torch.Scope, f *hf.Folder, d torch.DType) (*Classifier, error) {
	m, err := newClassifier(f)
	if err != nil {
		return nil, err
	}
	return m, bind(s, f, m, d, false)
}

// OpenArmoRM binds the gated reward model in f, its body in dtype d.
func OpenArmoRM(s *torch.Scope, f *hf.Folder, d torch.DType) (*ArmoRM, error) {
	m, err := newArmoRM(f)
	if err != nil {
		return nil, err
	}
	return m, bind(s, f, m, d, false)
}

// CheckClassifier reports whether f holds a sequence classifier whose weights
// fit its config, without loading them.
func CheckClassifier(f *hf.Folder) error {
	m, err := newClassifier(f)
	if err != nil {
		return err
	}
	_, err = match(f, m)
	return err
}

// CheckArmoRM is CheckClassifier for the gated reward model.
func CheckArmoRM(f *hf.Folder) error {
	m, err := newArmoRM(f)
	if err != nil {
		return err
	}
	_, err = match(f, m)
	return err
}

func newClassifier(f *hf.Folder) (*Classifier, error) {
	c, err := f.Config()
	if err != nil {
		return nil, err
	}
	body, err := newBody(f, c, "ForSequenceClassification")
	if err != nil {
		return nil, err
	}
	if c.NumLabels != 1 {
		return nil, fmt.Errorf("%s: config.json: the classifier has %d labels, a reward model has 1", f.Name(), c.NumLabels)
	}
	return &Classifier{Body: body, Score: wide(nn.NewLinear(c.HiddenSize, 1, false))}, nil
}

func newArmoRM(f *hf.Folder) (*ArmoRM, error) {
	c, err := f.Config()
	if err != nil {
		return nil, err
	}
	body, err := newBody(f, c, "ForRewardModelWithGating")
	if err != nil {
		return nil, err
	}
	g, k := c.Gating, c.Gating.NumObjectives
	m := &ArmoRM{config: c, Body: body, Regression: wide(nn.NewLinear(c.HiddenSize, k, false))}
	m.Transform = nn.Weight{Shape: []int64{int64(k), int64(k)}, Wide: true}
	m.Gating.Scale = nn.Weight{Shape: []int64{1}, Wide: true}
	in := c.HiddenSize
	for range g.NumHidden {
		m.Gating.Layers = append(m.Gating.Layers, wide(nn.NewLinear(in, g.HiddenDim, true)))
		in = g.HiddenDim
	}
	m.Gating.Layers = append(m.Gating.Layers, wide(nn.NewLinear(in, k, true)))
	return m, nil
}

func wide(l nn.Linear) nn.Linear {
	l.Weight.Wide, l.Bias.Wide = true, true
	return l
}

// Rewards maps the last tokens' hidden states [N,D] to raw rewards [N,objectives].
func (m *ArmoRM) Rewards(s *torch.Scope, last torch.Tensor) torch.Tensor {
	return m.Regression.Forward(s, s.To(last, torch.Float))
}

// Gate maps the hidden states [N,D] of the tokens that close the prompts to
// the weights of the transformed rewards, softmax(MLP(h)/temperature)·scale.
func (m *ArmoRM) Gate(s *torch.Scope, closing torch.Tensor) torch.Tensor {
	x := s.To(closing, torch.Float)
	last := len(m.Gating.Layers) - 1
	for _, l := range m.Gating.Layers[:last] {
		x = s.ReLU(l.Forward(s, x))
	}
	x = s.Scale(m.Gating.Layers[last].Forward(s, x), 1/m.config.Gating.Temperature)
	return s.Mul(s.Softmax(x), m.Gating.Scale.Tensor)
}

// Score is gate · (rewards · transform), [N].
func (m *ArmoRM) Score(s *torch.Scope, rewards, gate torch.Tensor) torch.Tensor {
	return s.SumDim(s.Mul(gate, s.MatMul(rewards, m.Transform.Tensor)), -1)
}
