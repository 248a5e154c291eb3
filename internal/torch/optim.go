package torch

// #include "shim.h"
import "C"

// Optimizers as PyTorch has them. Each moves weights in place by their
// gradient and updates its moments, tensors like them.

// AdamW is the setting of one step of arXiv:1711.05101.
type AdamW struct{ LearningRate, Beta1, Beta2, Epsilon, Decay float64 }

// Step updates params in place from grads with moments m and v, all of one
// dtype; step counts from 1.
func (a AdamW) Step(step int64, params, grads, m, v []Tensor) {
	p, g, cm, cv := handles(params, "adamw"), handles(grads, "adamw"), handles(m, "adamw"), handles(v, "adamw")
	if C.shim_adamw(&p[0], &g[0], &cm[0], &cv[0], C.int(len(p)), C.double(a.LearningRate), C.double(a.Beta1), C.double(a.Beta2),
		C.double(a.Epsilon), C.double(a.Decay), C.int64_t(step)) != 0 {
		fail("adamw", shimWords())
	}
}

// SGD is the setting of one step of torch.optim.SGD. Decay is added to the
// gradient.
type SGD struct{ LearningRate, Momentum, Decay float64 }

// Step has the momentum in buffer, which is absent without one.
func (a SGD) Step(weight, grad, buffer Tensor) {
	const op = "sgd"
	if C.shim_sgd(C.shim_tensor(weight.use(op)), C.shim_tensor(grad.use(op)), C.shim_tensor(buffer.use(op)),
		C.double(a.LearningRate), C.double(a.Momentum), C.double(a.Decay)) != 0 {
		fail(op, shimWords(), weight, grad)
	}
}

// RMSprop is the setting of one step of torch.optim.RMSprop. Decay is added to
// the gradient.
type RMSprop struct{ LearningRate, Alpha, Epsilon, Momentum, Decay float64 }

// Step has the running square in v and the momentum in buffer, which is absent
// without one.
func (a RMSprop) Step(weight, grad, v, buffer Tensor) {
	const op = "rmsprop"
	if C.shim_rmsprop(C.shim_tensor(weight.use(op)), C.shim_tensor(grad.use(op)), C.shim_tensor(v.use(op)), C.shim_tensor(buffer.use(op)),
		C.double(a.LearningRate), C.double(a.Alpha), C.double(a.Epsilon), C.double(a.Momentum), C.double(a.Decay)) != 0 {
		fail(op, shimWords(), weight, grad)
	}
}

// Join is the fp32 weights whose bits are those of bf16 weights followed by
// low, a short each: what Split took apart, exactly.
func (s *Scope) Join(weight, low Tensor) Tensor {
	return s.keepShim(C.shim_join(C.shim_tensor(weight.use("join")), C.shim_tensor(low.use("join"))), "join", weight, low)
}

// Split writes x, fp32, as bf16 weights, rounded to the nearest, and the
// difference in bits, low, a signed short.
func (x Tensor) Split(weight, low Tensor) {
	const op = "split"
	if C.shim_split(C.shim_tensor(x.use(op)), C.shim_tensor(weight.use(op)), C.shim_tensor(low.use(op))) != 0 {
		fail(op, shimWords(), x, weight, low)
	}
}

// Follow moves t towards x by a share, in place.
func (t Tensor) Follow(x Tensor, share float64) {
	if C.shim_follow(C.shim_tensor(t.use("follow")), C.shim_tensor(x.use("follow")), C.double(share)) != 0 {
		fail("follow", shimWords(), t, x)
	}
}
