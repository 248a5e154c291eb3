package dpo

import (
	"radpo/configs"
	"radpo/internal/model"
	"radpo/internal/torch"
)

// An optimizer moves a policy's weights, which are fp32 whatever the model
// computes in: a step of 5e-7 vanishes in bf16, whose spacing at 0.02 is
// 1.2e-4. A bf16 weight of the model is the upper half of its fp32 one, rounded,
// and a short holds what is left.
type optimizer struct {
	rule
	names    []string
	weights  []torch.Tensor   // the model's, that gradients are wanted for
	lows     []torch.Tensor   // lower halves, short; absent where the model is fp32
	grads    []torch.Tensor   // fp32
	moments  [][]torch.Moment // of each weight
	averages []torch.Tensor   // exponential moving averages of weights, fp32; none unless wanted
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

// newOptimizer makes params trainable.
func newOptimizer(s *torch.Scope, params []model.Param, c configs.DPO) *optimizer {
	o := &optimizer{rule: ruleOf(c), clip: c.GradClip, decay: c.WeightDecay, ema: c.EMA}
	for _, param := range params {
		w, shape := param.Weight.Tensor, param.Weight.Shape
		var low torch.Tensor
		if w.DType() != torch.Float {
			low = s.Zeros(torch.Short, shape...)
		}
		var moments []torch.Moment
		for _, square := range o.squares {
			moments = append(moments, s.NewMoment(c.Moments, w.Len(), square))
		}
		if c.EMA > 0 {
			o.averages = append(o.averages, s.Tidy(func(s *torch.Scope) torch.Tensor { return s.Clone(s.To(s.Detach(w), torch.Float)) }))
		}
		o.names = append(o.names, param.Name)
		o.lows = append(o.lows, low)
		o.moments = append(o.moments, moments)
		o.weights = append(o.weights, s.Trainable(w))
		o.decays = append(o.decays, len(shape) > 1)
		o.grads = append(o.grads, s.Zeros(torch.Float, shape...))
	}
	return o
}

// accumulate adds the gradient of loss, computed behind tape, to what the step
// has so far.
func (o *optimizer) accumulate(s *torch.Scope, tape *torch.Tape, loss torch.Tensor) {
	s.BigProducts(func(s *torch.Scope) { tape.Gradients(s, loss, o.weights, o.grads) })
}

// step moves the weights at a rate and forgets the gradients. It returns
// their norm before clipping; when that is not finite nothing has moved.
func (o *optimizer) step(s *torch.Scope, rate float64) float64 {
	norm := torch.Norm(o.grads)
	if !torch.Finite(norm) {
		return norm
	}
	if o.clip > 0 && norm > o.clip {
		torch.ScaleAll(o.grads, o.clip/(norm+1e-6)) // as torch.nn.utils.clip_grad_norm_
	}
	o.steps++
	for i := range o.weights {
		const most = 1 << 24 // elements at once: bounds what is held in fp32
		for from, n := int64(0), o.grads[i].Len(); from < n; from += most {
			s.Each(func(s *torch.Scope) { o.moveSome(s, i, from, min(most, n-from), rate) })
		}
	}
	torch.ScaleAll(o.grads, 0)
	return norm
}

// forget drops the gradients, finite or not.
func (o *optimizer) forget(s *torch.Scope) {
	for _, g := range o.grads {
		s.Each(func(s *torch.Scope) { g.Set(s.Zeros(torch.Float, g.Shape()...)) })
	}
}

// moveSome moves elements from … from+n−1 of weight i.
func (o *optimizer) moveSome(s *torch.Scope, i int, from, n int64, rate float64) {
	part := func(t torch.Tensor) torch.Tensor { return s.Narrow(s.View(s.Detach(t), -1), 0, from, n) }
	weight := part(o.weights[i])
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
	o.move(o.steps, rate, decay, w, part(o.grads[i]), moments)
	for k, m := range o.moments[i] {
		m.Store(s, moments[k], from, draw(o.steps, i, k, from))
	}
	if o.lows[i].Defined() {
		w.Split(weight, part(o.lows[i]))
	}
	if o.ema > 0 {
		part(o.averages[i]).Follow(w, 1-o.ema)
	}
}

// draw is the seed of one rounding: a function of what is rounded and when.
func draw(step int64, weight, moment int, from int64) uint32 {
	h := uint64(step)*0x9e3779b97f4a7c15 + uint64(weight)*0xbf58476d1ce4e5b9 + uint64(moment)*0x94d049bb133111eb + uint64(from)
	return uint32(h ^ h>>32)
}

// takeAverages puts the averages in place of the model's weights.
func (o *optimizer) takeAverages() {
	for i, w := range o.weights {
		w.Set(o.averages[i])
	}
}

// pick is the elements of list at the given places.
func pick[T any](list []T, at []int) []T {
	out := make([]T, len(at))
	for i, k := range at {
		out[i] = list[k]
	}
	return out
}
