package model

import (
	"fmt"

	"radpo/internal/hf"
	"radpo/internal/nn"
	"radpo/internal/torch"
)

// ArmoRM is a reward model of several objectives and a gate that weighs them
// by prompt (arXiv:2406.12845). QRM (arXiv:2409.10164) has its layout, with
// several quantiles an objective, of which the mean is the reward, and a batch
// norm behind each hidden layer of the gate.
type ArmoRM struct {
	config     hf.Config
	Body       Body      `w:"model"`
	Regression nn.Linear `w:"regression_layer"`        // [objectives·quantiles, D]
	Transform  nn.Weight `w:"reward_transform_matrix"` // [objectives, objectives], removes verbosity
	Gating     gate      `w:"gating"`
}

type gate struct {
	Scale  nn.Weight  `w:"logit_scale"` // [1]
	Layers sequential `w:"layers"`
}

// OpenArmoRM binds the gated reward model in f, in dtype d; wide heads are in
// fp32 whatever d is, and QRM's always are, as in its own code. Those of
// d = bf16 give scores as coarse as transformers gives, with many ties.
func OpenArmoRM(s *torch.Scope, f *hf.Folder, d torch.DType, wide bool) (*ArmoRM, error) {
	m, extra, err := newArmoRM(f)
	if err != nil {
		return nil, err
	}
	if wide || m.config.Gating.NumQuantiles > 0 {
		widen(&m.Regression, &m.Transform, &m.Gating)
	}
	return m, bind(s, f, m, d, false, extra...)
}

// CheckArmoRM is CheckClassifier for the gated reward model.
func CheckArmoRM(f *hf.Folder) error {
	m, extra, err := newArmoRM(f)
	if err != nil {
		return err
	}
	_, err = match(f, m, extra...)
	return err
}

// newArmoRM is the unbound reward model of f, and what its checkpoint may have
// besides.
func newArmoRM(f *hf.Folder) (m *ArmoRM, extra []string, err error) {
	c, err := f.Config()
	if err != nil {
		return nil, nil, err
	}
	body, err := rewardBody(f, c)
	if err != nil {
		return nil, nil, err
	}
	k := c.Gating.NumObjectives
	m = &ArmoRM{config: c, Body: body, Regression: nn.NewLinear(c.HiddenSize, k*max(1, c.Gating.NumQuantiles), false)}
	m.Transform, m.Gating.Scale = nn.NewWeight(int64(k), int64(k)), nn.NewWeight(1)
	m.Gating.Layers, extra = gateLayers(c)
	return m, extra, nil
}

func gateLayers(c hf.Config) (layers sequential, extra []string) {
	in, hidden := c.HiddenSize, c.Gating.HiddenDim
	for range c.Gating.NumHidden {
		if c.Gating.NumQuantiles == 0 {
			layers = append(layers, &rectified{nn.NewLinear(in, hidden, true)})
		} else {
			norm := nn.NewBatchNorm(hidden)
			layers = append(layers, linear(in, hidden, false), relu{}, &norm)
			extra = append(extra, fmt.Sprintf("gating.layers.%d.num_batches_tracked", len(layers)-1))
		}
		in = hidden
	}
	return append(layers, linear(in, c.Gating.NumObjectives, true)), extra
}

// Rewards maps the last tokens' hidden states [N,D] to raw rewards [N,objectives].
func (m *ArmoRM) Rewards(s *torch.Scope, last torch.Tensor) torch.Tensor {
	rewards := forward(s, &m.Regression, last)
	quantiles := m.config.Gating.NumQuantiles
	if quantiles == 0 {
		return rewards
	}
	each := s.View(rewards, -1, int64(m.config.Gating.NumObjectives), int64(quantiles))
	return s.Scale(s.SumDim(each, -1), 1/float64(quantiles))
}

// Gate maps the hidden states [N,D] of the tokens that close the prompts to
// the weights of the transformed rewards, softmax(MLP(h)/temperature)·scale.
func (m *ArmoRM) Gate(s *torch.Scope, closing torch.Tensor) torch.Tensor {
	x := s.Scale(forward(s, m.Gating.Layers, closing), 1/m.config.Gating.Temperature)
	return s.Mul(s.To(s.Softmax(x), x.DType()), m.Gating.Scale.Tensor)
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
