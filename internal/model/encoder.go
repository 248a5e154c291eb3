package model

import (
	"fmt"
	"slices"

	"radpo/internal/hf"
	"radpo/internal/nn"
	"radpo/internal/torch"
)

// EncoderClassifier is a reward model of one score that an encoder gives a
// prompt and a response together (transformers'
// DebertaV2ForSequenceClassification).
type EncoderClassifier struct {
	Body   *DeBERTa  `w:"deberta"`
	Pooler nn.Linear `w:"pooler.dense"`
	Score  nn.Linear `w:"classifier"`
}

const encoderClass, encoderPositions = "DebertaV2ForSequenceClassification", "deberta.embeddings.position_ids"

// IsEncoder reports whether f says that it holds an EncoderClassifier.
func IsEncoder(f *hf.Folder) bool {
	c, err := f.Config()
	return err == nil && slices.Contains(c.Architectures, encoderClass)
}

// OpenEncoder binds the encoder in f, in dtype d; a wide head is in fp32
// whatever d is.
func OpenEncoder(s *torch.Scope, f *hf.Folder, d torch.DType, wide bool) (*EncoderClassifier, error) {
	m, err := newEncoder(f)
	if err != nil {
		return nil, err
	}
	if wide {
		widen(&m.Pooler, &m.Score)
	}
	return m, bind(s, f, m, d, false, encoderPositions)
}

// CheckEncoder is CheckClassifier for the encoder; it tells how many tokens
// the model has.
func CheckEncoder(f *hf.Folder) (vocabulary int, err error) {
	m, err := newEncoder(f)
	if err != nil {
		return 0, err
	}
	_, err = match(f, m, encoderPositions)
	return m.Vocabulary(), err
}

func newEncoder(f *hf.Folder) (*EncoderClassifier, error) {
	c, err := f.Config()
	if err != nil {
		return nil, err
	}
	if err := checkDeBERTa(f, c); err != nil {
		return nil, err
	}
	if c.NumLabels != 1 {
		return nil, fmt.Errorf("%s: config.json: the classifier has %d labels, a reward model has 1", f.Name(), c.NumLabels)
	}
	if act := c.DeBERTa.PoolerHiddenAct; act != "gelu" {
		return nil, fmt.Errorf("%s: config.json: pooler_hidden_act %.40q is not supported here; DeBERTa's is gelu", f.Name(), act)
	}
	n, err := vocabulary(f, "deberta")
	if err != nil {
		return nil, err
	}
	d := c.HiddenSize
	return &EncoderClassifier{newDeBERTa(c, n), nn.NewLinear(d, d, true), nn.NewLinear(d, 1, true)}, nil
}

// Vocabulary is the number of tokens that the model has.
func (m *EncoderClassifier) Vocabulary() int { return int(m.Body.Embedding.Weight.Shape[0]) }

// Rewards is the score of each sequence, [N] fp32, pooled at its first token.
func (m *EncoderClassifier) Rewards(s *torch.Scope, sequences [][]int32) torch.Tensor {
	first := make([][]int, len(sequences))
	for i := range first {
		first[i] = []int{0}
	}
	x := s.To(m.Body.Hidden(s, sequences, first), m.Pooler.Weight.DType())
	x = m.Score.Forward(s, s.GELU(m.Pooler.Forward(s, x)))
	return s.To(s.View(x, -1), torch.Float)
}
