// Package torch is the one seam to C: scopes, handles and operators over
// gotch's libtch, and a small shim for what libtch lacks.
//
// Lifetimes are lexical. [Run] opens a [Scope] on the one thread that does all
// the work; everything an operator makes belongs to the scope it was made in
// and dies with it.
// [Scope.Each] is a child scope kept nothing of (one training step),
// [Scope.Tidy] a child whose result alone survives. Closing a scope drops
// handles, not storage: autograd keeps what a backward pass needs.
//
//	err := torch.Run(ctx, torch.CPU, func(s *torch.Scope) error {
//		w := s.Zeros(torch.Float, 4, 4)   // lives until Run returns
//		s.Each(func(s *torch.Scope) {     // temporaries of one step
//			...
//		})
//		return nil
//	})
//
// Operators panic with a private type that names the operator, its shapes and
// libtorch's words; Run turns it into an [*OpError]. Under the build tag
// "check" a handle knows whether it is alive, and using a dead one names both
// places.
package torch
