package sampler

import (
	"fmt"

	"radpo/internal/hf"
	"radpo/internal/model"
	"radpo/internal/torch"
)

// tokenBytes is the memory of one token in the cache.
func tokenBytes(c hf.Config, d torch.DType) int64 {
	return 2 * int64(c.NumHiddenLayers) * int64(c.NumKeyValueHeads) * int64(c.HeadDim) * int64(d.Size())
}

// spare is the share of free memory that a cache may fill: the rest is for a
// step's own tensors and for other programs.
const spare = 0.6

// budget is how many of b's blocks fit into memory, in bytes, or, where that is
// 0, into what the device has left. No cache is larger than all rows can fill.
func budget(s *torch.Scope, c hf.Config, d torch.DType, b *blocks, set Settings) (int, error) {
	memory := set.Memory
	if memory == 0 {
		free, _, err := torch.Memory(s.Device())
		if err != nil {
			return 0, fmt.Errorf("memory for the cache: %w; set sampler.memory", err)
		}
		memory = int64(spare * float64(free))
	}
	fit := memory / (int64(b.each()) * tokenBytes(c, d))
	most := int64(set.Rows) * int64(b.need(c.MaxPositionEmbeddings)+2)
	return int(min(fit, most, 1<<30)), nil
}

// A planned policy may have a form that a torch.Decoder or torch.Slots compute.
type planned interface {
	Plan() (torch.DecoderPlan, bool)
}

// open makes the cache and what computes on it: in one call a step where the
// policy and its device allow it.
func (e *Engine) open(p model.Policy) error {
	d := torch.Float
	if m, ok := p.(interface{ DType() torch.DType }); ok {
		d = m.DType()
	}
	var plan torch.DecoderPlan
	fused := false
	if m, ok := p.(planned); ok {
		plan, fused = m.Plan()
	}
	onCPU := e.scope.Device() == torch.CPU
	slots := fused && !onCPU && d != torch.Float && flash(plan) && slottable(plan, e.window) == nil
	if slots {
		e.slower = tryout(e.scope, plan)
		slots = e.slower == nil
	}
	if slots {
		e.schedule.blocks.size = slotTokens
	}
	total, err := budget(e.scope, p.Config(), d, &e.schedule.blocks, e.settings)
	if err != nil {
		return err
	}
	e.schedule.rows, e.schedule.blocks.total = e.settings.Rows, total
	e.schedule.tokens, e.schedule.whole = 4096, true
	switch {
	case slots:
		e.compute = newSlotted(e.scope, plan, total, slotTokens, e.settings.Rows)
	case fused && onCPU && d == torch.Float:
		e.compute = &native{decoder: e.scope.NewDecoder(plan)}
		e.schedule.tokens, e.schedule.whole = 512, false
	default:
		e.compute = &eager{policy: p, pool: pool{scope: e.scope}}
	}
	return nil
}
