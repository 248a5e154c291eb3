package nn

import (
	"radpo/internal/hf"
	"radpo/internal/torch"
)

// GLU is a gated feed-forward layer (arXiv:2002.05202):
// down(activate(gate(x), up(x))).
type GLU struct {
	activate func(s *torch.Scope, gate, up torch.Tensor) torch.Tensor
	Gate     Linear `w:"gate_proj"`
	Up       Linear `w:"up_proj"`
	Down     Linear `w:"down_proj"`
}

// NewGLU is an unbound layer of c's width.
func NewGLU(c hf.Config, bias bool, activate func(s *torch.Scope, gate, up torch.Tensor) torch.Tensor) GLU {
	return GLU{
		activate: activate,
		Gate:     NewLinear(c.HiddenSize, c.IntermediateSize, bias),
		Up:       NewLinear(c.HiddenSize, c.IntermediateSize, bias),
		Down:     NewLinear(c.IntermediateSize, c.HiddenSize, bias),
	}
}

// Forward keeps the shape of x [..., D].
func (g *GLU) Forward(s *torch.Scope, x torch.Tensor) torch.Tensor {
	return g.Down.Forward(s, g.activate(s, g.Gate.Forward(s, x), g.Up.Forward(s, x)))
}
