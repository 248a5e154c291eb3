package dpo

import (
	"radpo/configs"
	"radpo/internal/model"
	"radpo/internal/torch"
)

// An optimizer is AdamW over fp32 weights. Where the model is narrower, its
// weights are rounded copies of these masters: a step of 5e-7 vanishes in
// bf16, whose spacing at 0.02 is 1.2e-4.
type optimizer struct {
	names         []string
	weights       []torch.Tensor // the model's, that gradients are wanted for
	masters       []torch.Tensor // the same tensors when the model is fp32
	grads, m, v   []torch.Tensor // fp32
	decays        []bool         // norms and biases do not decay, as in transformers' Trainer
	beta1, beta2  float64
	epsilon, clip float64
	decay         float64
	steps         int64 // taken so far
}

// newOptimizer makes p's weights trainable.
func newOptimizer(s *torch.Scope, p model.Policy, c configs.DPO) *optimizer {
	o := &optimizer{beta1: c.Beta1, beta2: c.Beta2, epsilon: c.Epsilon, clip: c.GradClip, decay: c.WeightDecay}
	for _, param := range model.Params(p) {
		w := param.Weight.Tensor
		master := w
		if w.DType() != torch.Float {
			master = s.To(s.Detach(w), torch.Float)
		}
		o.names = append(o.names, param.Name)
		o.masters = append(o.masters, master)
		o.weights = append(o.weights, s.Trainable(w))
		o.decays = append(o.decays, len(param.Weight.Shape) > 1)
		for _, list := range []*[]torch.Tensor{&o.grads, &o.m, &o.v} {
			*list = append(*list, s.Zeros(torch.Float, param.Weight.Shape...))
		}
	}
	return o
}

// accumulate adds the gradient of loss to what the step has so far.
func (o *optimizer) accumulate(loss torch.Tensor) { torch.Gradients(loss, o.weights, o.grads) }

// step moves the weights at rate lr and forgets the gradients. It returns
// their norm before clipping; when that is not finite nothing has moved.
func (o *optimizer) step(lr float64) float64 {
	norm := torch.Norm(o.grads)
	if !torch.Finite(norm) {
		return norm
	}
	if o.clip > 0 && norm > o.clip {
		torch.ScaleAll(o.grads, o.clip/(norm+1e-6)) // as torch.nn.utils.clip_grad_norm_
	}
	o.steps++
	for _, decays := range []bool{true, false} {
		a := torch.AdamW{LearningRate: lr, Beta1: o.beta1, Beta2: o.beta2, Epsilon: o.epsilon}
		if decays {
			a.Decay = o.decay
		}
		if group := o.group(decays); len(group) > 0 {
			a.Step(o.steps, pick(o.masters, group), pick(o.grads, group), pick(o.m, group), pick(o.v, group))
		}
	}
	for i, w := range o.weights {
		if w != o.masters[i] {
			w.Set(o.masters[i])
		}
	}
	torch.ScaleAll(o.grads, 0)
	return norm
}

func (o *optimizer) group(decays bool) []int {
	var out []int
	for i, d := range o.decays {
		if d == decays {
			out = append(out, i)
		}
	}
	return out
}

// pick is the elements of list at the given places.
func pick[T any](list []T, at []int) []T {
	out := make([]T, len(at))
	for i, k := range at {
		out[i] = list[k]
	}
	return out
}
