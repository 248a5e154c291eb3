package main

import (
	"math"

	"radpo/internal/model"
	"radpo/internal/torch"
)

// A learner moves weights by AdamW without decay, its gradient clipped to norm
// one. Each group of weights has its own factor on the rate.
type learner struct {
	groups []group
	steps  int64
}

type group struct {
	factor              float64
	params, grads, m, v []torch.Tensor
}

// add takes in the weights among params that keep picks, and gives them
// memory of their own.
func (l *learner) add(s *torch.Scope, params []model.Param, factor float64, keep func(name string) bool) {
	g := group{factor: factor}
	for _, p := range params {
		if !keep(p.Name) {
			continue
		}
		p.Weight.Tensor = s.Trainable(s.Clone(p.Weight.Tensor))
		g.params = append(g.params, p.Weight.Tensor)
		for _, list := range []*[]torch.Tensor{&g.grads, &g.m, &g.v} {
			*list = append(*list, s.Zeros(torch.Float, p.Weight.Shape...))
		}
	}
	l.groups = append(l.groups, g)
}

// accumulate adds the gradient of loss to what the step has so far.
func (l *learner) accumulate(loss torch.Tensor) {
	params, grads := l.all()
	torch.Gradients(loss, params, grads)
}

// step moves the weights and forgets the gradient.
func (l *learner) step(rate float64) {
	_, grads := l.all()
	if norm := torch.Norm(grads); norm > 1 {
		torch.ScaleAll(grads, 1/norm)
	}
	l.steps++
	for _, g := range l.groups {
		a := torch.AdamW{LearningRate: rate * g.factor, Beta1: 0.9, Beta2: 0.95, Epsilon: 1e-8}
		a.Step(l.steps, g.params, g.grads, g.m, g.v)
	}
	torch.ScaleAll(grads, 0)
}

func (l *learner) all() (params, grads []torch.Tensor) {
	for _, g := range l.groups {
		params, grads = append(params, g.params...), append(grads, g.grads...)
	}
	return params, grads
}

// rate is the learning rate of step i of n: a short rise, then constant, or
// down to zero.
func rate(peak float64, i, n int, falls bool) float64 {
	const rise = 30
	r := peak * math.Min(1, float64(i+1)/rise)
	if falls {
		r *= 1 - float64(i)/float64(n)
	}
	return r
}
