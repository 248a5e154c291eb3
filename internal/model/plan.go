package model

import (
	"math"
	"reflect"

	"radpo/internal/nn"
	"radpo/internal/torch"
)

// DType is the type of the model's weights.
func (m *Decoder) DType() torch.DType { return m.Body.Embedding.Weight.DType() }

// Plan is the model as a torch.Decoder, in fp32, or torch.Slots compute it. There
// is none of a model that LoRA changes.
func (m *Decoder) Plan() (torch.DecoderPlan, bool) {
	whole := true
	walk(reflect.ValueOf(m), "", func(_ string, l *nn.Linear) { whole = whole && l.LoRA == nil })
	if !whole {
		return torch.DecoderPlan{}, false
	}
	c := m.config
	p := torch.DecoderPlan{
		Width: c.HiddenSize, Heads: c.NumAttentionHeads, Groups: c.NumKeyValueHeads, Head: c.HeadDim, Feed: c.IntermediateSize, Vocabulary: c.VocabSize,
		GELU: c.HiddenAct == "gelu_pytorch_tanh", Offset: m.Body.Norm.Offset, Eps: c.RMSNormEps,
		EmbedScale: float64(m.Body.scale), ScoreScale: 1 / math.Sqrt(float64(c.HeadDim)), ScoreCap: c.AttnLogitSoftcapping, LogitCap: c.FinalLogitSoftcapping,
		Frequencies: m.Body.inverse, Embedding: m.Body.Embedding.Weight.Tensor, Norm: m.Body.Norm.Weight.Tensor, Output: m.head(),
		Rest: m.rest,
	}
	if c.QueryPreAttnScalar > 0 {
		p.ScoreScale = 1 / math.Sqrt(c.QueryPreAttnScalar)
	}
	for i, b := range m.Body.Blocks {
		l := b.planned()
		l.Window = m.Body.windows[i]
		p.Layers = append(p.Layers, l)
	}
	return p, true
}

// planned is the part of a layer that all blocks have.
func planned(a *nn.Attention, f *nn.GLU, attnNorm, feedNorm *nn.RMSNorm) torch.DecoderLayer {
	return torch.DecoderLayer{
		AttnNorm: attnNorm.Weight.Tensor, FeedNorm: feedNorm.Weight.Tensor, QNorm: a.QNorm.Weight.Tensor, KNorm: a.KNorm.Weight.Tensor,
		Q: a.Q.Weight.Tensor, K: a.K.Weight.Tensor, V: a.V.Weight.Tensor, O: a.O.Weight.Tensor,
		Gate: f.Gate.Weight.Tensor, Up: f.Up.Weight.Tensor, Down: f.Down.Weight.Tensor,
		QBias: a.Q.Bias.Tensor, KBias: a.K.Bias.Tensor, VBias: a.V.Bias.Tensor, OBias: a.O.Bias.Tensor,
		GateBias: f.Gate.Bias.Tensor, UpBias: f.Up.Bias.Tensor, DownBias: f.Down.Bias.Tensor,
	}
}

func (b *LlamaBlock) planned() torch.DecoderLayer {
	return planned(&b.Attention, &b.Feed, &b.AttnNorm, &b.FeedNorm)
}

func (b *Gemma2Block) planned() torch.DecoderLayer {
	l := planned(&b.Attention, &b.Feed, &b.AttnNorm, &b.FeedNorm)
	l.AttnPost, l.FeedPost = b.AttnPost.Weight.Tensor, b.FeedPost.Weight.Tensor
	return l
}
