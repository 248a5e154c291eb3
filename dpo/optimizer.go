package dpo

import (
	"math"

	"radpo/configs"
	"radpo/internal/model"
	"radpo/internal/torch"
)

// An optimizer moves a policy's weights, which are fp32 whatever the model
// computes in: a step of 5e-7 vanishes in bf16, whose spacing at 0.02 is
// 1.2e-4. A bf16 weight of the model is the upper half of its fp32 one, rounded,
// and a short holds what is left.
//
// Several processes may each keep a share alone of what belongs to a weight: see
// [sharing].
type optimizer struct {
	rule
	sharing
	scope    *torch.Scope // where its tensors are
	keeper   torch.Keeper
	names    []string
	shapes   [][]int64
	weights  []torch.Tensor   // the model's, that gradients are wanted for
	shares   []torch.Share    // of each weight: what this process moves and keeps the rest of
	own      []torch.Tensor   // that part of the weights [Len]
	lows     []torch.Tensor   // lower halves, short [Len]; absent where the model is fp32
	grads    []torch.Tensor   // fp32, of the weight, or of the share where gradients are shared
	slopes   []torch.Tensor   // the share's part of grads [Len]
	moments  [][]torch.Moment // of each share
	averages []torch.Tensor   // exponential moving averages of weights, fp32 [Len]; none unless wanted
	decays   []bool           // norms and biases do not decay, as in transformers' Trainer
	clip     float64
	decay    float64
	ema      float64
	steps    int64 // taken so far
}

// A rule is a kind of optimizer.
type rule struct {
	squares []bool // of each moment, whether it averages squares
	// move takes fp32 weights w one step, the step-th, in place.
	move func(step int64, rate, decay float64, w, grad torch.Tensor, moments []torch.Tensor)
}

func ruleOf(c configs.DPO) rule {
	var momentum []bool
	if c.Momentum > 0 {
		momentum = []bool{false}
	}
	last := func(moments []torch.Tensor, k int) (t torch.Tensor) {
		if len(moments) > k {
			t = moments[k]
		}
		return t
	}
	switch c.Optimizer {
	case "sgd":
		return rule{momentum, func(_ int64, rate, decay float64, w, grad torch.Tensor, m []torch.Tensor) {
			torch.SGD{LearningRate: rate, Momentum: c.Momentum, Decay: decay}.Step(w, grad, last(m, 0))
		}}
	case "rmsprop":
		return rule{append([]bool{true}, momentum...), func(_ int64, rate, decay float64, w, grad torch.Tensor, m []torch.Tensor) {
			torch.RMSprop{LearningRate: rate, Alpha: c.RMSpropAlpha, Epsilon: c.Epsilon, Momentum: c.Momentum, Decay: decay}.Step(w, grad, m[0], last(m, 1))
		}}
	}
	return rule{[]bool{false, true}, func(step int64, rate, decay float64, w, grad torch.Tensor, m []torch.Tensor) {
		torch.AdamW{LearningRate: rate, Beta1: c.Beta1, Beta2: c.Beta2, Epsilon: c.Epsilon, Decay: decay}.
			Step(step, []torch.Tensor{w}, []torch.Tensor{grad}, m[:1], m[1:])
	}}
}

// newOptimizer makes params trainable, by the processes of a group together.
func newOptimizer(s *torch.Scope, params []model.Param, c configs.DPO, h sharing) *optimizer {
	o := &optimizer{rule: ruleOf(c), sharing: h, scope: s, clip: c.GradClip, decay: c.WeightDecay, ema: c.EMA}
	for _, param := range params {
		o.add(s, param, c)
	}
	o.keeper = torch.All{Params: o.weights, Into: o.grads}
	if o.stage >= shareGradients {
		o.keeper = newShards(o)
	}
	return o
}

func (o *optimizer) add(s *torch.Scope, param model.Param, c configs.DPO) {
	w := s.Trainable(param.Weight.Tensor)
	share := o.share(w.Len())
	part := func(t torch.Tensor) torch.Tensor { return s.Narrow(flat(s, t), 0, share.From, share.Len) }
	var own, low torch.Tensor
	if o.stage == shareParameters {
		own = o.kept[len(o.names)]
	} else {
		own = part(w)
	}
	if w.DType() != torch.Float {
		low = s.Zeros(torch.Short, share.Len)
	}
	var moments []torch.Moment
	for _, square := range o.squares {
		moments = append(moments, s.NewMoment(c.Moments, share.Len, square))
	}
	if c.EMA > 0 {
		o.averages = append(o.averages, s.Tidy(func(s *torch.Scope) torch.Tensor { return s.Clone(s.To(own, torch.Float)) }))
	}
	grad, slope := torch.Tensor{}, torch.Tensor{}
	if o.stage >= shareGradients {
		grad = s.Zeros(torch.Float, share.Len)
		slope = grad
	} else {
		grad = s.Zeros(torch.Float, param.Weight.Shape...)
		slope = part(grad)
	}
	o.names, o.shapes = append(o.names, param.Name), append(o.shapes, param.Weight.Shape)
	o.weights, o.shares = append(o.weights, w), append(o.shares, share)
	o.own, o.lows, o.moments = append(o.own, own), append(o.lows, low), append(o.moments, moments)
	o.grads, o.slopes = append(o.grads, grad), append(o.slopes, slope)
	o.decays = append(o.decays, len(param.Weight.Shape) > 1)
}

// giveBack is how large a block of memory is given back to the system once it
// is free. Holes between what a step makes were 0.1 GB for 125 million weights; for
// 7 million nothing, but a tenth of the time went into asking for logits anew.
func (o *optimizer) giveBack() int64 {
	n := int64(0)
	for _, share := range o.shares {
		n += share.Of
	}
	if n >= 1<<26 {
		return 4 << 20
	}
	return 256 << 20
}

// flat is t as a vector, without its history.
func flat(s *torch.Scope, t torch.Tensor) torch.Tensor { return s.View(s.Detach(t), -1) }

// accumulate adds the gradient of loss, computed behind tape, to what the step
// has so far.
func (o *optimizer) accumulate(s *torch.Scope, tape *torch.Tape, loss torch.Tensor) {
	s.BigProducts(func(s *torch.Scope) { tape.Gradients(s, loss) })
}

// step moves the weights at a rate and forgets the gradients. It returns
// their norm before clipping; when that is not finite nothing has moved.
func (o *optimizer) step(s *torch.Scope, rate float64) float64 {
	o.sum(s)
	norm := o.norm(s)
	if !torch.Finite(norm) {
		return norm
	}
	if o.clip > 0 && norm > o.clip {
		torch.ScaleAll(o.grads, o.clip/(norm+1e-6)) // as torch.nn.utils.clip_grad_norm_
	}
	o.steps++
	for i, share := range o.shares {
		const most = 1 << 24 // elements at once: bounds what is held in fp32
		for from := int64(0); from < share.Len; from += most {
			s.Each(func(s *torch.Scope) { o.moveSome(s, i, from, min(most, share.Len-from), rate) })
		}
	}
	o.publish(s)
	torch.ScaleAll(o.grads, 0)
	return norm
}

// forget drops the gradients, finite or not.
func (o *optimizer) forget(s *torch.Scope) {
	for _, g := range o.grads {
		s.Each(func(s *torch.Scope) { g.Set(s.Zeros(torch.Float, g.Shape()...)) })
	}
}

// moveSome moves elements from … from+n−1 of the share of weight i.
func (o *optimizer) moveSome(s *torch.Scope, i int, from, n int64, rate float64) {
	part := func(t torch.Tensor) torch.Tensor { return s.Narrow(t, 0, from, n) }
	weight := part(o.own[i])
	w := weight
	if o.lows[i].Defined() {
		w = s.Join(weight, part(o.lows[i]))
	}
	moments := make([]torch.Tensor, len(o.moments[i]))
	for k, m := range o.moments[i] {
		moments[k] = m.Load(s, from, n)
	}
	decay := 0.0
	if o.decays[i] {
		decay = o.decay
	}
	o.move(o.steps, rate, decay, w, part(o.slopes[i]), moments)
	for k, m := range o.moments[i] {
		m.Store(s, moments[k], from, draw(o.steps, i, k, o.shares[i].From+from))
	}
	if o.lows[i].Defined() {
		w.Split(weight, part(o.lows[i]))
	}
	if o.ema > 0 {
		part(o.averages[i]).Follow(w, 1-o.ema)
	}
}

// draw is the seed of one rounding: a function of what is rounded and when, such
// that the element at a place from of the weight draws the same however the
// weight is parted.
func draw(step int64, weight, moment int, from int64) uint32 {
	h := uint64(step)*0x9e3779b97f4a7c15 + uint64(weight)*0xbf58476d1ce4e5b9 + uint64(moment)*0x94d049bb133111eb
	return uint32(h^h>>32) + torch.DrawStep*uint32(from)
}

// takeAverages puts the averages in place of the model's weights.
func (o *optimizer) takeAverages(s *torch.Scope) {
	for i, own := range o.own {
		own.Set(o.averages[i])
	}
	o.publish(s)
}

// norm is that of all gradients together, after sum.
func (o *optimizer) norm(s *torch.Scope) float64 {
	if o.group.Size() == 1 {
		return torch.Norm(o.slopes)
	}
	parts := o.slopes
	if o.stage == shareNothing { // the same sums as when all is shared
		parts = nil
		for _, g := range o.grads {
			share := o.group.Share(g.Len())
			parts = append(parts, s.Narrow(flat(s, g), 0, share.From, share.Len))
		}
	}
	return o.together(s, parts)
}

// together is the norm of what all processes have.
func (o *optimizer) together(s *torch.Scope, parts []torch.Tensor) float64 {
	n := torch.Norm(parts)
	return math.Sqrt(o.group.Total(s, n*n))
}

// weightNorm is that of the weights; where they are shared all processes take it
// together.
func (o *optimizer) weightNorm() float64 {
	if o.stage == shareNothing {
		return torch.Norm(o.weights)
	}
	return o.together(o.scope, o.own)
}

// pick is the elements of list at the given places.
func pick[T any](list []T, at []int) []T {
	out := make([]T, len(at))
	for i, k := range at {
		out[i] = list[k]
	}
	return out
}
