package model

import (
	"fmt"
	"math"
	"slices"

	"radpo/internal/hf"
	"radpo/internal/nn"
	"radpo/internal/torch"
)

// DeBERTa is the encoder of arXiv:2006.03654 with what its third version
// (arXiv:2111.09543) keeps: attention sees content by content, content by
// distance and distance by content, and no position is added to the input.
// Tags are checkpoint names.
//
// Shapes: T tokens of all sequences, one after the other and without padding;
// n sequences of one length L, D width, H heads, K head width, S half the rows
// of the table of distances, M the longest sequence.
type DeBERTa struct {
	config       hf.Config
	Embedding    nn.Embedding    `w:"embeddings.word_embeddings"`
	Norm         nn.LayerNorm    `w:"embeddings.LayerNorm"`
	Distance     nn.Embedding    `w:"encoder.rel_embeddings"` // [2S,D]
	DistanceNorm nn.LayerNorm    `w:"encoder.LayerNorm"`      // or none
	Blocks       []*debertaBlock `w:"encoder.layer"`
}

type debertaBlock struct {
	heads         int
	Q             nn.Linear    `w:"attention.self.query_proj"`
	K             nn.Linear    `w:"attention.self.key_proj"`
	V             nn.Linear    `w:"attention.self.value_proj"`
	AttentionOut  nn.Linear    `w:"attention.output.dense"`
	AttentionNorm nn.LayerNorm `w:"attention.output.LayerNorm"`
	Up            nn.Linear    `w:"intermediate.dense"`
	Down          nn.Linear    `w:"output.dense"`
	Norm          nn.LayerNorm `w:"output.LayerNorm"`
}

// newDeBERTa is the unbound encoder of c with a vocabulary of its own: that of
// the config is often the one before tokens were added.
func newDeBERTa(c hf.Config, vocabulary int) *DeBERTa {
	d, eps := c.HiddenSize, c.DeBERTa.LayerNormEps
	m := &DeBERTa{
		config:    c,
		Embedding: nn.NewEmbedding(vocabulary, d),
		Norm:      nn.NewLayerNorm(d, eps),
		Distance:  nn.NewEmbedding(2*span(c), d),
	}
	if c.DeBERTa.NormRelEbd == "layer_norm" {
		m.DistanceNorm = nn.NewLayerNorm(d, eps)
	}
	for range c.NumHiddenLayers {
		m.Blocks = append(m.Blocks, &debertaBlock{
			heads:         c.NumAttentionHeads,
			Q:             nn.NewLinear(d, d, true),
			K:             nn.NewLinear(d, d, true),
			V:             nn.NewLinear(d, d, true),
			AttentionOut:  nn.NewLinear(d, d, true),
			AttentionNorm: nn.NewLayerNorm(d, eps),
			Up:            nn.NewLinear(d, c.IntermediateSize, true),
			Down:          nn.NewLinear(c.IntermediateSize, d, true),
			Norm:          nn.NewLayerNorm(d, eps),
		})
	}
	return m
}

// checkDeBERTa refuses what a config may ask for and this file does not do.
func checkDeBERTa(f *hf.Folder, c hf.Config) error {
	e := c.DeBERTa
	for _, fault := range []struct {
		bad      bool
		key, say string
		got      any
	}{
		{e.HiddenAct != "gelu", "hidden_act", "gelu", e.HiddenAct},
		{!e.RelativeAttention, "relative_attention", "true", e.RelativeAttention},
		{!slices.Contains(e.PosAttType, "c2p") || !slices.Contains(e.PosAttType, "p2c"), "pos_att_type", "both c2p and p2c", e.PosAttType},
		{!e.ShareAttKey, "share_att_key", "true", e.ShareAttKey},
		{e.NormRelEbd != "layer_norm" && e.NormRelEbd != "none", "norm_rel_ebd", "layer_norm or none", e.NormRelEbd},
		{e.PositionBiasedInput, "position_biased_input", "false", e.PositionBiasedInput},
		{e.TypeVocabSize != 0, "type_vocab_size", "0", e.TypeVocabSize},
		{e.ConvKernelSize != 0, "conv_kernel_size", "0", e.ConvKernelSize},
		{e.EmbeddingSize != c.HiddenSize, "embedding_size", "that of hidden_size", e.EmbeddingSize},
		{c.HeadDim*c.NumAttentionHeads != c.HiddenSize, "head_dim", "hidden_size / num_attention_heads", c.HeadDim},
	} {
		if fault.bad {
			return fmt.Errorf("%s: config.json: %s %v is not supported here; DeBERTa-v3's is %s", f.Name(), fault.key, fault.got, fault.say)
		}
	}
	return nil
}

// span is S.
func span(c hf.Config) int {
	if n := c.DeBERTa.PositionBuckets; n > 0 {
		return n
	}
	return farthest(c)
}

// farthest is the distance where buckets end.
func farthest(c hf.Config) int {
	if n := c.DeBERTa.MaxRelativePositions; n > 0 {
		return n
	}
	return c.MaxPositionEmbeddings
}

// row is the row of the table of distances for query i and key j at distance
// r = i−j: small distances have one each, larger ones share logarithmic
// buckets, in fp32 as transformers computes them. It serves both terms, as
// buckets are odd in r.
func row(c hf.Config, r int) int64 {
	s, mid := span(c), c.DeBERTa.PositionBuckets/2
	if away := max(r, -r); c.DeBERTa.PositionBuckets > 0 && away > mid {
		whole := float32(math.Log(float64(float32(farthest(c)-1) / float32(mid))))
		part := float32(math.Log(float64(float32(away) / float32(mid))))
		away = mid + int(math.Ceil(float64(part/whole*float32(mid-1))))
		r = max(-1, min(r, 1)) * away
	}
	return int64(min(max(r+s, 0), 2*s-1))
}

// Hidden is the last hidden state of the tokens that at names in each
// sequence, all of them in order, [R,D]. Neighbours of equal length are
// computed together.
func (m *DeBERTa) Hidden(s *torch.Scope, sequences [][]int32, at [][]int) torch.Tensor {
	var ids []int64
	for _, q := range sequences {
		for _, id := range q {
			ids = append(ids, int64(id))
		}
	}
	p := newPassage(s, m, sequences, at)
	x := m.Norm.Forward(s, m.Embedding.Forward(s, s.Longs(ids, int64(len(ids))))) // [T,D]
	last := len(m.Blocks) - 1
	for _, b := range m.Blocks[:last] {
		x = s.Tidy(func(s *torch.Scope) torch.Tensor { return b.forward(s, x, p) })
	}
	return s.Tidy(func(s *torch.Scope) torch.Tensor { return m.Blocks[last].read(s, x, p) })
}

// A passage is what all layers need to know of a batch.
type passage struct {
	runs      []run
	distances torch.Tensor // [2S,D] normed
	forward   torch.Tensor // [2M−1] rows of distances for r = −(M−1) … M−1
	backward  torch.Tensor // and for M−1 … −(M−1)
	rows      torch.Tensor // [R] tokens to read
}

// A run is n sequences of one length side by side, of each of which as many
// tokens are read.
type run struct {
	start, n, length int
	read             int          // tokens read of each
	rows             torch.Tensor // [n·read·L] rows of distances of what is read
}

func newPassage(s *torch.Scope, m *DeBERTa, sequences [][]int32, at [][]int) passage {
	p := passage{distances: m.Distance.Weight.Tensor}
	if m.DistanceNorm.Weight.Defined() {
		p.distances = m.DistanceNorm.Forward(s, p.distances)
	}
	var rows []int64
	longest, start := 0, 0
	for i := 0; i < len(sequences); {
		r := run{start: start, length: len(sequences[i]), read: len(at[i])}
		var own []int64
		for ; i < len(sequences) && len(sequences[i]) == r.length && len(at[i]) == r.read && r.fits(m.config); i++ {
			for _, t := range at[i] {
				rows = append(rows, int64(start+t))
				for j := range r.length {
					own = append(own, row(m.config, t-j))
				}
			}
			r.n, start = r.n+1, start+r.length
		}
		r.rows = s.Longs(own, int64(len(own)))
		p.runs, longest = append(p.runs, r), max(longest, r.length)
	}
	p.rows = s.Longs(rows, int64(len(rows)))
	var there []int64
	for r := 1 - longest; r < longest; r++ {
		there = append(there, row(m.config, r))
	}
	p.forward = s.Longs(there, int64(len(there)))
	slices.Reverse(there)
	p.backward = s.Longs(there, int64(len(there)))
	return p
}

// fits says whether a run may grow: its scores, H·L² a sequence, are the
// largest tensor of all.
func (r run) fits(c hf.Config) bool {
	const most = 1 << 25
	return r.n == 0 || (r.n+1)*r.length*r.length*c.NumAttentionHeads <= most
}

// forward maps x [T,D] to [T,D] through two post-normed residual branches.
func (b *debertaBlock) forward(s *torch.Scope, x torch.Tensor, p passage) torch.Tensor {
	q, k, v := b.query(s, x), b.K.Forward(s, x), b.V.Forward(s, x)
	keys, queries := b.distances(s, p.distances)
	keys, queries = b.table(s, s.Index(keys, 0, p.backward)), b.table(s, s.Index(queries, 0, p.forward))
	seen := s.Zeros(x.DType(), x.Shape()...)
	for _, r := range p.runs {
		s.Each(func(s *torch.Scope) {
			q, k, v := b.split(s, q, r), b.split(s, k, r), b.split(s, v, r)
			y := s.Attention(q, k, v, s.DistanceBias(q, k, keys, queries), false)
			s.Narrow(seen, 0, int64(r.start), int64(r.n*r.length)).Set(s.View(nn.MergeHeads(s, y), -1, x.Dim(1)))
		})
	}
	return b.feed(s, x, seen)
}

// read is forward for the tokens that are read alone, [R,D]: the last layer
// need not compute others.
func (b *debertaBlock) read(s *torch.Scope, x torch.Tensor, p passage) torch.Tensor {
	own := s.Index(x, 0, p.rows)
	q, k, v := b.query(s, own), b.K.Forward(s, x), b.V.Forward(s, x)
	keys, queries := b.distances(s, p.distances)
	seen := s.Zeros(x.DType(), own.Shape()...)
	at := int64(0)
	for _, r := range p.runs {
		s.Each(func(s *torch.Scope) {
			n, read, length, width := int64(r.n), int64(r.read), int64(r.length), x.Dim(1)
			part := s.Narrow(q, 0, at, n*read)
			c2p := s.Mul(s.View(part, n, read, 1, width), s.View(s.Index(keys, 0, r.rows), n, read, length, width))
			p2c := s.Mul(s.View(s.Narrow(k, 0, int64(r.start), n*length), n, 1, length, width), s.View(s.Index(queries, 0, r.rows), n, read, length, width))
			bias := s.SumDim(s.View(s.Add(c2p, p2c), n, read, length, int64(b.heads), -1), -1) // [n,read,L,H]
			bias = s.Clone(s.Transpose(s.Transpose(bias, 2, 3), 1, 2))
			y := s.Attention(nn.SplitHeads(s, s.View(part, n, read, width), b.heads), b.split(s, k, r), b.split(s, v, r), bias, false)
			s.Narrow(seen, 0, at, n*read).Set(s.View(nn.MergeHeads(s, y), -1, width))
			at += n * read
		})
	}
	return b.feed(s, own, seen)
}

// query is Q(x)/√3: three terms add up to a score, whose scale is √(3K), and
// attention itself divides by √K.
func (b *debertaBlock) query(s *torch.Scope, x torch.Tensor) torch.Tensor {
	return s.Scale(b.Q.Forward(s, x), 1/math.Sqrt(3))
}

// distances are the keys and queries of the table of distances, [2S,D], scaled
// for scores that query and K(x) make with them. Their projections are those
// of content.
func (b *debertaBlock) distances(s *torch.Scope, table torch.Tensor) (keys, queries torch.Tensor) {
	root := 1 / math.Sqrt(float64(table.Dim(1))/float64(b.heads))
	return s.Scale(b.K.Forward(s, table), root), s.Scale(b.query(s, table), root)
}

// table turns [2M−1,D] into [H,2M−1,K].
func (b *debertaBlock) table(s *torch.Scope, x torch.Tensor) torch.Tensor {
	return s.Transpose(s.View(x, x.Dim(0), int64(b.heads), -1), 0, 1)
}

// split turns the tokens of a run in x [T,D] into [n,H,L,K], a view.
func (b *debertaBlock) split(s *torch.Scope, x torch.Tensor, r run) torch.Tensor {
	part := s.Narrow(x, 0, int64(r.start), int64(r.n*r.length))
	return nn.SplitHeads(s, s.View(part, int64(r.n), int64(r.length), x.Dim(1)), b.heads)
}

// feed ends a block: what attention saw is added to x, then GELU's two layers.
func (b *debertaBlock) feed(s *torch.Scope, x, seen torch.Tensor) torch.Tensor {
	x = b.AttentionNorm.Forward(s, s.Add(x, b.AttentionOut.Forward(s, seen)))
	return b.Norm.Forward(s, s.Add(x, b.Down.Forward(s, s.GELU(b.Up.Forward(s, x)))))
}
