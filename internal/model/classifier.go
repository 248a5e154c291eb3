package model

import (
	"errors"
	"fmt"
	"slices"

	"radpo/internal/hf"
	"radpo/internal/torch"
)

// A Classifier is a reward model of one score, which a head reads at the last
// token of a sequence. It has one of the heads.
type Classifier struct {
	config  hf.Config
	head    layer // the one that there is
	Body    Body  `w:"model"`
	Score   layer `w:"score"`          // transformers' ForSequenceClassification; INF-ORM's has two layers
	Value   layer `w:"value_head"`     // OpenRLHF
	Summary layer `w:"v_head.summary"` // TRL's value head on a language model, as GRM has
}

// OpenClassifier binds the reward model in f, in dtype d; a wide head is in
// fp32 whatever d is.
func OpenClassifier(s *torch.Scope, f *hf.Folder, d torch.DType, wide bool) (*Classifier, error) {
	m, extra, err := newClassifier(f)
	if err != nil {
		return nil, err
	}
	if wide {
		widen(m.head)
	}
	return m, bind(s, f, m, d, false, extra...)
}

// CheckClassifier reports whether f holds such a reward model whose weights
// fit its config, without loading them.
func CheckClassifier(f *hf.Folder) error {
	m, extra, err := newClassifier(f)
	if err != nil {
		return err
	}
	_, err = match(f, m, extra...)
	return err
}

var errNoHead = errors.New("it has no reward head: neither score, nor value_head, nor v_head.summary")

// newClassifier is the unbound reward model of f, and what its checkpoint may
// have besides.
func newClassifier(f *hf.Folder) (m *Classifier, extra []string, err error) {
	c, err := f.Config()
	if err != nil {
		return nil, nil, err
	}
	m = &Classifier{config: c}
	if m.Body, err = rewardBody(f, c); err != nil {
		return nil, nil, err
	}
	tensors, err := byName(f)
	if err != nil {
		return nil, nil, err
	}
	var errs [3]error
	m.Score, errs[0] = newHead(tensors, "score", c.HiddenSize)
	m.Value, errs[1] = newHead(tensors, "value_head", c.HiddenSize)
	m.Summary, errs[2] = newHead(tensors, "v_head.summary", c.HiddenSize)
	heads := slices.DeleteFunc([]layer{m.Score, m.Value, m.Summary}, func(h layer) bool { return h == nil })
	if err = errors.Join(errs[:]...); err == nil {
		switch len(heads) {
		case 0:
			err = errNoHead
		case 1:
			m.head = heads[0]
		default:
			err = errors.New("it has several reward heads, of score, value_head and v_head.summary")
		}
	}
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", f.Name(), err)
	}
	if m.Summary != nil {
		extra = append(extra, "lm_head.weight")
	}
	return m, extra, nil
}

// HasScore reports whether f has a head that a Classifier reads.
func HasScore(f *hf.Folder) (bool, error) {
	_, _, err := newClassifier(f)
	if errors.Is(err, errNoHead) {
		return false, nil
	}
	return err == nil, err
}

// Rewards maps the last tokens' hidden states [N,D] to scores [N], fp32.
func (m *Classifier) Rewards(s *torch.Scope, last torch.Tensor) torch.Tensor {
	scores := s.To(s.View(forward(s, m.head, last), -1), torch.Float)
	return s.Scale(s.Shift(scores, -m.config.Reward.Mean), 1/m.config.Reward.Std)
}
