package dpo

import (
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/rs/zerolog"
)

// A watch looks at the steps of a training so far, at least span of which count,
// and says in plain words what is wrong with them, or nothing. It is a function
// of the steps alone: a training that is gone on with, or that processes share,
// is warned of the same at the same step.
type watch func(t *trainer, steps []Step, span int) string

// watches by the names of their warnings; docs/training.md tells of each. Each
// speaks once a training.
var watches = map[string]watch{
	"stuck":          stuck,
	"chosen-falling": chosenFalling,
	"floor":          floor,
	"undecided":      undecided,
	"no-gradient":    noGradient,
	"skipping":       skipping,
}

// warnings are those that step m is the first to show.
func (t *trainer) warnings(m Step) map[string]string {
	steps := append(slices.Clip(t.history), m)
	span := min(50, max(5, t.total()/10))
	var out map[string]string
	for name, look := range watches {
		if slices.ContainsFunc(t.history, func(m Step) bool { return m.Warnings[name] != "" }) {
			continue
		}
		if text := look(t, steps, span); text != "" {
			if out == nil {
				out = map[string]string{}
			}
			out[name] = text
		}
	}
	return out
}

// show publishes a step and logs its warnings, where anybody does.
func (t *trainer) show(ctx context.Context, m Step) error {
	if t.publish == nil {
		return nil
	}
	for name, text := range m.Warnings {
		zerolog.Ctx(ctx).Warn().Int64("step", m.Step).Str("warning", name).Msg(text)
	}
	return t.publish(m)
}

// last is the newest n steps that moved, or nothing if there are fewer.
func last(steps []Step, n int) []Step {
	var out []Step
	for _, m := range slices.Backward(steps) {
		if len(out) < n && !m.Skipped {
			out = append(out, m)
		}
	}
	if len(out) < n {
		return nil
	}
	return out
}

func mean(steps []Step, of func(Step) float64) float64 {
	sum := 0.0
	for _, m := range steps {
		sum += of(m)
	}
	return sum / float64(len(steps))
}

// startsAtLn2 are losses that are ln 2 while the policy is its reference, and
// smoothed are those that have the entropy of smoothed labels below them.
var (
	startsAtLn2 = []string{"sigmoid", "sigmoid_norm", "robust", "ld_dpo", "dpop", "aot", "aot_unpaired"}
	smoothed    = []string{"sigmoid", "sigmoid_norm", "aot", "aot_unpaired", "simpo"}
)

// only says whether the one loss of a training, each pair of which counts as
// much, is among those.
func (t *trainer) only(losses []string) bool {
	return len(t.terms) == 1 && t.terms[0].Weight == 1 && slices.Contains(losses, t.terms[0].Loss) && t.config.Weighting == "none"
}

// stuck: behind the warm-up, the loss of each step of a span is ln 2.
func stuck(t *trainer, steps []Step, span int) string {
	up := int(math.Ceil(t.config.Warmup * float64(t.total())))
	recent := last(steps, span)
	off := func(m Step) bool { return !(math.Abs(m.Loss-math.Ln2) < 1e-4) }
	if !t.only(startsAtLn2) || len(steps) < up+span || recent == nil || slices.ContainsFunc(recent, off) {
		return ""
	}
	return fmt.Sprintf("the loss has stayed at ln 2 = 0.6931 for %d steps: the policy does not leave its reference. "+
		"Raise dpo.learning_rate (%g) or dpo.beta (%g), or see whether chosen and rejected are nearly the same", span, t.config.LearningRate, t.config.Beta)
}

// chosenFalling: over a span chosen responses are a nat and a fiftieth of a nat
// a token less likely than under the reference; without one, their NLL a token
// is a tenth of a nat above that of the first span.
func chosenFalling(t *trainer, steps []Step, span int) string {
	recent := last(steps, span)
	if recent == nil {
		return ""
	}
	const remedy = "Rejected ones may fall faster, so that margins grow all the same; dpo_sft and dpop hold chosen up, and so does a lower dpo.learning_rate"
	if t.needs&Reference == 0 {
		first := last(steps[:min(span, len(steps)-span)], span)
		if first == nil || t.needs&Rejected == 0 {
			return ""
		}
		nll := func(m Step) float64 { return m.NLL }
		if rise := mean(recent, nll) - mean(first, nll); rise > 0.1 {
			return fmt.Sprintf("chosen responses become less likely: by %.2g nats a token since the first %d steps. %s", rise, span, remedy)
		}
		return ""
	}
	fall := -mean(recent, func(m Step) float64 { return m.Chosen }) / t.scale()
	tokens := mean(recent, func(m Step) float64 { return m.More["completions/chosen/mean_length"] })
	if fall < max(1, tokens/50) {
		return ""
	}
	return fmt.Sprintf("chosen responses have become less likely than under the reference: by %.3g nats each over the last %d steps, %.2g a token. %s",
		fall, span, fall/tokens, remedy)
}

// floor: over a span the loss is within a fiftieth of the way from ln 2 to the
// entropy of the smoothed labels.
func floor(t *trainer, steps []Step, span int) string {
	e := t.config.LabelSmoothing
	if recent := last(steps, span); t.only(smoothed) && e > 0 && recent != nil {
		least := -e*math.Log(e) - (1-e)*math.Log(1-e)
		if at := mean(recent, func(m Step) float64 { return m.Loss }); at-least < (math.Ln2-least)/50 {
			return fmt.Sprintf("the loss is %.4f, at the floor of dpo.label_smoothing %g, which is %.4f: no pair has more to teach, and further steps only move away from it", at, e, least)
		}
	}
	return ""
}

// undecided: half-way through, over a quarter of all steps and 50 pairs, chosen
// leads in no more than 55 of 100.
func undecided(t *trainer, steps []Step, span int) string {
	recent := last(steps, max(span, t.total()/4))
	if t.needs&Rejected == 0 || len(steps) < t.total()/2 || len(recent)*t.config.Batch < 50 {
		return ""
	}
	share := mean(recent, func(m Step) float64 { return m.Accuracy })
	if share > 0.55 {
		return ""
	}
	text := fmt.Sprintf("rewards/accuracies is %.2f over the last %d steps: the policy does not tell chosen from rejected. ", share, len(recent))
	if hasGoals(recent) {
		return text + "The rows of a pair ask for opposite orders at its two goals, so the policy does not read the goal: train longer, or raise dpo.learning_rate"
	}
	return text + "Raise dpo.learning_rate, or see whether the pairs' order means anything"
}

func hasGoals(steps []Step) bool {
	return slices.ContainsFunc(steps, func(m Step) bool { return m.More["ra/goal_rejected/pairs"] > 0 })
}

// noGradient: three steps have moved nothing.
func noGradient(t *trainer, steps []Step, _ int) string {
	recent := last(steps, 3)
	if recent == nil || slices.ContainsFunc(recent, func(m Step) bool { return m.GradNorm != 0 }) {
		return ""
	}
	return fmt.Sprintf("the gradient is exactly 0 for 3 steps: nothing is learnt. dpo.loss %s is flat where it stands, or dpo.beta (%g) is too small", t.config.Loss, t.config.Beta)
}

// skipping: three steps, and more than one in ten, were not finite.
func skipping(_ *trainer, steps []Step, _ int) string {
	n := 0
	for _, m := range steps {
		if m.Skipped {
			n++
		}
	}
	if n < 3 || 10*n <= len(steps) {
		return ""
	}
	return fmt.Sprintf("%d of %d steps were skipped, since their loss or gradient was not finite: lower dpo.learning_rate, or look at what is kept of them", n, len(steps))
}

// scale is what log-ratios are multiplied by to be rewards: β, or 1 where the
// loss reads none and none was set.
func (o objective) scale() float64 {
	if o.config.Beta == 0 {
		return 1
	}
	return o.config.Beta
}
