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
// by prompt (arXiv:2406.12845).
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

// OpenClassifier binds the sequence classifier in f, in dtype d; a wide head
// is in fp32 whatever d is.
func OpenClassifier(s *torch.Scope, f *hf.Folder, d torch.DType, wide bool) (*Classifier, error) {
	m, err := newClassifier(f, wide)
	if err != nil {
		return nil, err
	}
	return m, bind(s, f, m, d, false)
}

// OpenArmoRM binds the gated reward model in f, in dtype d; wide heads are in
// fp32 whatever d is. Those of d = bf16 give scores as coarse as transformers
// gives, with many ties.
func OpenArmoRM(s *torch.Scope, f *hf.Folder, d torch.DType, wide bool) (*ArmoRM, error) {
	m, err := newArmoRM(f, wide)
	if err != nil {
		return nil, err
	}
	return m, bind(s, f, m, d, false)
}

// CheckClassifier reports whether f holds a sequence classifier whose weights
// fit its config, without loading them.
func CheckClassifier(f *hf.Folder) error {
	m, err := newClassifier(f, true)
	if err != nil {
		return err
	}
	_, err = match(f, m)
	return err
}

// CheckArmoRM is CheckClassifier for the gated reward model.
func CheckArmoRM(f *hf.Folder) error {
	m, err := newArmoRM(f, true)
	if err != nil {
		return err
	}
	_, err = match(f, m)
	return err
}

func newClassifier(f *hf.Folder, wide bool) (*Classifier, error) {
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
	m := &Classifier{Body: body, Score: nn.NewLinear(c.HiddenSize, 1, false)}
	if wide {
		widen(&m.Score)
	}
	return m, nil
}

func newArmoRM(f *hf.Folder, wide bool) (*ArmoRM, error) {
	c, err := f.Config()
	if err != nil {
		return nil, err
	}
	body, err := newBody(f, c, "ForRewardModelWithGating")
	if err != nil {
		return nil, err
	}
	g, k := c.Gating, c.Gating.NumObjectives
	m := &ArmoRM{config: c, Body: body, Regression: nn.NewLinear(c.HiddenSize, k, false)}
	m.Transform, m.Gating.Scale = nn.NewWeight(int64(k), int64(k)), nn.NewWeight(1)
	in := c.HiddenSize
	for range g.NumHidden {
		m.Gating.Layers = append(m.Gating.Layers, nn.NewLinear(in, g.HiddenDim, true))
		in = g.HiddenDim
	}
	m.Gating.Layers = append(m.Gating.Layers, nn.NewLinear(in, k, true))
	if wide {
		widen(&m.Regression, &m.Transform, &m.Gating)
	}
	return m, nil
}

// widen keeps the weights of heads in fp32.
func widen(heads ...any) {
	for _, h := range heads {
		for _, p := range Params(h) {
			p.Weight.Wide = true
		}
	}
}

// Rewards maps the last tokens' hidden states [N,D] to scores [N], fp32.
func (m *Classifier) Rewards(s *torch.Scope, last torch.Tensor) torch.Tensor {
	x := s.To(last, m.Score.Weight.DType())
	return s.To(s.View(m.Score.Forward(s, x), -1), torch.Float)
}

// Rewards maps the last tokens' hidden states [N,D] to raw rewards [N,objectives].
func (m *ArmoRM) Rewards(s *torch.Scope, last torch.Tensor) torch.Tensor {
	return m.Regression.Forward(s, s.To(last, m.Regression.Weight.DType()))
}

// Gate maps the hidden states [N,D] of the tokens that close the prompts to
// the weights of the transformed rewards, softmax(MLP(h)/temperature)·scale.
func (m *ArmoRM) Gate(s *torch.Scope, closing torch.Tensor) torch.Tensor {
	d := m.Gating.Scale.DType()
	x := s.To(closing, d)
	last := len(m.Gating.Layers) - 1
	for _, l := range m.Gating.Layers[:last] {
		x = s.ReLU(l.Forward(s, x))
	}
	x = s.Scale(m.Gating.Layers[last].Forward(s, x), 1/m.config.Gating.Temperature)
	return s.Mul(s.To(s.Softmax(x), d), m.Gating.Scale.Tensor)
}

// Score is gate · (rewards · transform), [N].
func (m *ArmoRM) Score(s *torch.Scope, rewards, gate torch.Tensor) torch.Tensor {
	return s.SumDim(s.Mul(gate, s.MatMul(rewards, m.Transform.Tensor)), -1)
}

// Coefficients are what the raw rewards count in the score, gate · transformᵀ
// [N,objectives]: Score = Σ coefficients · rewards.
func (m *ArmoRM) Coefficients(s *torch.Scope, gate torch.Tensor) torch.Tensor {
	return s.MatMul(gate, s.Transpose(m.Transform.Tensor, 0, 1))
}
