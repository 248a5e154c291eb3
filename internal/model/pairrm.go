package model

import (
	"fmt"
	"slices"

	"radpo/internal/hf"
	"radpo/internal/nn"
	"radpo/internal/torch"
)

// PairRM compares two responses to a prompt that stand in one sequence
// (arXiv:2306.02561, section 3).
type PairRM struct {
	Body   *DeBERTa  `w:"pretrained_model"`
	Hidden nn.Linear `w:"head_layer.1"`
	Score  nn.Linear `w:"head_layer.4"` // [tasks, D]
}

// OpenPairRM binds the pairwise ranker in f, in dtype d; wide heads are in fp32
// whatever d is. Both layouts of LLM-Blender are read.
func OpenPairRM(s *torch.Scope, f *hf.Folder, d torch.DType, wide bool) (*PairRM, error) {
	m, err := newPairRM(f, wide)
	if err != nil {
		return nil, err
	}
	return m, bind(s, f, m, d, false, positionIDs)
}

// CheckPairRM is CheckClassifier for the pairwise ranker; it tells how many
// tokens the model has.
func CheckPairRM(f *hf.Folder) (vocabulary int, err error) {
	m, err := newPairRM(f, true)
	if err != nil {
		return 0, err
	}
	_, err = match(f, m, positionIDs)
	return m.Vocabulary(), err
}

const (
	pairBody    = "pretrained_model"
	positionIDs = pairBody + ".embeddings.position_ids" // a constant that old checkpoints carry
)

func newPairRM(f *hf.Folder, wide bool) (*PairRM, error) {
	c, err := f.Config()
	if err != nil {
		return nil, err
	}
	if !slices.Contains(c.Architectures, "DebertaV2PairRM") {
		return nil, fmt.Errorf("%s: config.json: architecture %v is no pairwise ranker; DebertaV2PairRM is, or LLM-Blender's ranker_config", f.Name(), c.Architectures)
	}
	if err := checkDeBERTa(f, c); err != nil {
		return nil, err
	}
	if kind := c.PairRM.ReduceType; kind != "linear" {
		return nil, fmt.Errorf("%s: config.json: reduce_type %.40q is not supported here; PairRM's is linear", f.Name(), kind)
	}
	n, err := vocabulary(f, pairBody)
	if err != nil {
		return nil, err
	}
	m := &PairRM{
		Body:   newDeBERTa(c, n),
		Hidden: nn.NewLinear(2*c.HiddenSize, c.HiddenSize, true),
		Score:  nn.NewLinear(c.HiddenSize, c.PairRM.NumTasks, true),
	}
	if wide {
		widen(&m.Hidden, &m.Score)
	}
	return m, nil
}

// vocabulary is the number of rows of the embedding in the encoder at path.
func vocabulary(f *hf.Folder, path string) (int, error) {
	tensors, err := f.Tensors()
	if err != nil {
		return 0, err
	}
	name := path + ".embeddings.word_embeddings.weight"
	at := slices.IndexFunc(tensors, func(t hf.Tensor) bool { return t.Name == name && len(t.Shape) == 2 })
	if at < 0 {
		return 0, fmt.Errorf("%s: the checkpoint has no table %s", f.Name(), name)
	}
	return int(tensors[at].Shape[0]), nil
}

// Vocabulary is the number of tokens that the model has.
func (m *PairRM) Vocabulary() int { return int(m.Body.Embedding.Weight.Shape[0]) }

// Logits is how much better the first response of each sequence is than its
// second, [N] fp32, read at the tokens that begin its source, its first and
// its second response: the mean over tasks of head(source, first) −
// head(source, second).
func (m *PairRM) Logits(s *torch.Scope, sequences [][]int32, at [][]int) torch.Tensor {
	var sides []int64 // rows of hidden: source and first, source and second of each
	for i := range sequences {
		k := int64(3 * i)
		sides = append(sides, k, k+1, k, k+2)
	}
	hidden := s.To(m.Body.Hidden(s, sequences, at), m.Hidden.Weight.DType())
	both := s.View(s.Index(hidden, 0, s.Longs(sides, int64(len(sides)))), -1, 2*hidden.Dim(1))
	scores := s.To(m.Score.Forward(s, s.Tanh(m.Hidden.Forward(s, both))), torch.Float) // [2N,tasks]
	tasks := scores.Dim(1)
	mean := s.View(s.Scale(s.SumDim(scores, 1), 1/float64(tasks)), -1, 2)
	return s.Sub(s.Select(mean, 1, 0), s.Select(mean, 1, 1))
}
