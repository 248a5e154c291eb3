package pipeline

import (
	"context"
	"fmt"
	"strings"

	"radpo/demo"
	"radpo/eval"
)

// Variants runs the paper's variants of data beside each other.
func (st Study) Variants(ctx context.Context) (Finding, error) {
	alone := []string{"iterations=1", "eval.baseline=false"}
	arms := []arm{
		{name: "ra"},
		{name: "ra-plus", sets: append([]string{"augment.method=ra-plus"}, alone...)},
		{name: "half-ra", sets: append([]string{"augment.method=half-ra"}, alone...)},
		{name: "ra-one-pair", sets: append([]string{"augment.pair=best-worst"}, alone...)},
		{name: "ira", sets: append([]string{"augment.method=ira"}, alone...)},
		{name: "same-data", sets: []string{"dpo.data=first"}},
	}
	return st.find(ctx, arms, func(o eval.Outcomes) (eval.Page, eval.Result, []eval.Item) {
		return eval.VariantsPage(o, builtInTask, st.settings(arms))
	})
}

// find runs arms and makes a page of what came out.
func (st Study) find(ctx context.Context, arms []arm, page func(eval.Outcomes) (eval.Page, eval.Result, []eval.Item)) (Finding, error) {
	o, err := st.outcomes(ctx, arms)
	if err != nil {
		return Finding{}, err
	}
	p, r, items := page(o)
	return Finding{p, r, items}, nil
}

// tableNine are the losses of the paper's Table 9, DPO last, each with what
// suits the built-in task.
var tableNine = []struct {
	label string
	sets  []string
}{
	{"SLiC-HF", []string{"dpo.loss=slic", "dpo.delta=1", "dpo.lambda=0.1"}},
	{"ORPO", []string{"dpo.loss=orpo", "dpo.beta=1"}},
	{"CPO", []string{"dpo.loss=cpo", "dpo.beta=0.1", "dpo.alpha=0.1"}},
	{"RRHF", []string{"dpo.loss=rrhf", "dpo.lambda=0.1"}},
	{"KTO", []string{"dpo.loss=kto", "dpo.beta=0.1"}},
	{"IPO", []string{"dpo.loss=ipo", "dpo.beta=0.5"}},
	{"RPO", []string{"dpo.loss=rpo_bwd_kl", "dpo.beta=0.1", "dpo.eta=1"}},
	{"R-DPO", []string{"dpo.loss=r_dpo", "dpo.beta=0.1", "dpo.alpha=0.05"}},
	{"SimPO", []string{"dpo.loss=simpo", "dpo.beta=2", "dpo.gamma=1"}},
	{"DPO", []string{"dpo.loss=sigmoid", "dpo.beta=0.1"}},
}

// Losses runs the losses of the paper's Table 9 beside each other, on plain and
// on RA pairs of the same samples.
func (st Study) Losses(ctx context.Context) (Finding, error) {
	small := []string{"iterations=1", "eval.baseline=false", "eval.goals=[2, 10]", "prompts.held_out=96", "prompts.per_iteration=128"}
	var arms []arm
	var losses []eval.LossArm
	for _, l := range tableNine {
		name := l.sets[0][len("dpo.loss="):]
		losses = append(losses, eval.LossArm{Label: l.label, Arm: name})
		sets := append(append([]string(nil), small...), l.sets...)
		arms = append(arms, arm{name: name, sets: append([]string{"augment.method=none"}, sets...)}, arm{name: name + "-ra", sets: sets})
	}
	return st.find(ctx, arms, func(o eval.Outcomes) (eval.Page, eval.Result, []eval.Item) {
		return eval.LossesPage(o, losses, builtInTask+" 128 prompts train and 96 measure, unless --set says otherwise.", st.settings(arms))
	})
}

// Attributes runs multi-attribute control.
func (st Study) Attributes(ctx context.Context) (Finding, error) {
	names := demo.Attributes[:]
	arms := []arm{{name: "attributes", sets: []string{
		"iterations=1", "eval.baseline=false", "dpo.learning_rate=3e-4", fmt.Sprintf("augment.attributes=[%s]", strings.Join(names, ", ")),
	}}}
	return st.find(ctx, arms, func(o eval.Outcomes) (eval.Page, eval.Result, []eval.Item) {
		return eval.AttributesPage(o, names, builtInTask, st.settings(arms))
	})
}
