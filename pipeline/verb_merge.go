package pipeline

import (
	"context"

	"radpo/internal/flow"
	"radpo/internal/hf"
	"radpo/internal/model"
	"radpo/internal/torch"
)

// mergeStage reads a model folder and one of an adapter that PEFT saved, and
// writes the model with the adapter's change in its weights.
var mergeStage = flow.Kind[struct{}]{Name: "merge", Version: 1, Run: runMerge}

func runMerge(ctx context.Context, _ struct{}, in flow.In, out *flow.Out) error {
	f, err := hf.OpenAdapted(in.At(0), in.At(1))
	if err != nil {
		return err
	}
	defer f.Close()
	name, err := Model{}.dtype(f)
	if err != nil {
		return err
	}
	d, err := model.DType(name)
	if err != nil {
		return err
	}
	return torch.Run(ctx, torch.CPU, func(s *torch.Scope) error {
		p, err := model.OpenPolicy(s, f, d, false)
		if err != nil {
			return err
		}
		return model.Save(out.Dir(), f, p)
	})
}

// A place is where a model lies: its folder, and that of an adapter on it.
type place struct{ model, adapter string }

// model adds the model at p, its adapter merged, as an artifact of that name.
func (l *loop) model(name string, p place) string {
	if p.adapter == "" {
		return l.source(name, p.model)
	}
	return l.add(mergeStage.With(struct{}{}, name, l.source(name+"-base", p.model), l.source(name+"-adapter", p.adapter)))
}

// Merge writes the model with its adapter merged as a model folder, in the
// model's dtype: bfloat16 where its config says so, else float32.
func (a Alone) Merge(ctx context.Context) error {
	return a.run(ctx, func(l *loop) (string, error) {
		p, err := a.place(model.CheckPolicy)
		if err == nil && p.adapter == "" {
			err = inputError("%s is no adapter, and --adapter names none: there is nothing to merge", a.Model)
		}
		return l.model("policy", p), err
	}, nil)
}
