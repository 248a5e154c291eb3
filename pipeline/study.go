package pipeline

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"github.com/rs/zerolog"

	"radpo/configs"
	"radpo/eval"
	"radpo/internal/flow"
)

// A Study runs configurations of the built-in task over several seeds. Those of
// a seed share a run folder, SEED below Dir, and every stage that they have in
// common; so do studies in one Dir. A study that was stopped goes on, and what
// is there is not run again.
type Study struct {
	Dir   string
	Seeds int      // 1, 2, … are the seeds
	Sets  []string // overrides for all runs
}

// An arm is one configuration of a study, by what differs from the demo's.
type arm struct {
	name  string
	sets  []string
	extra func(*loop)                                    // adds stages; or nil
	read  func(*gallery) (map[string]eval.Metric, error) // what is measured; nil: the run's report
}

// outcomes runs all arms with all seeds.
func (st Study) outcomes(ctx context.Context, arms []arm) (eval.Outcomes, error) {
	o := eval.Outcomes{Arms: map[string][]map[string]eval.Metric{}}
	for seed := 1; seed <= st.Seeds; seed++ {
		o.Seeds = append(o.Seeds, int64(seed))
		for _, a := range arms {
			began := time.Now()
			r, err := st.configure(seed, a)
			if err != nil {
				return o, err
			}
			m, err := r.measure(ctx, a)
			if err != nil {
				return o, fmt.Errorf("seed %d, %s: %w", seed, a.name, err)
			}
			o.Arms[a.name] = append(o.Arms[a.name], m)
			zerolog.Ctx(ctx).Info().Msgf("seed %d of %d: %s in %.0f s", seed, st.Seeds, a.name, time.Since(began).Seconds())
		}
	}
	return o, nil
}

// configure is an arm's run with a seed.
func (st Study) configure(seed int, a arm) (Run, error) {
	text, err := configs.Preset("demo")
	if err != nil {
		return Run{}, err
	}
	sets := append(append([]string{fmt.Sprint("seed=", seed)}, a.sets...), st.Sets...)
	c, err := configs.Parse("demo.yaml", text, sets)
	return Run{Config: c, Dir: filepath.Join(st.Dir, fmt.Sprint("seed-", seed))}, err
}

// measure runs the loop with what an arm adds, and takes its measures.
func (r Run) measure(ctx context.Context, a arm) (m map[string]eval.Metric, err error) {
	err = r.with(func(store *flow.Store, l *loop) error {
		if a.extra != nil {
			a.extra(l)
		}
		if err := keepConfig(store, l.Config); err != nil {
			return err
		}
		if err := store.Run(ctx, l.stages); err != nil {
			return err
		}
		g, err := newGallery(store, l)
		if err != nil {
			return err
		}
		if a.read != nil {
			m, err = a.read(g)
			return err
		}
		in, err := g.input()
		if err != nil {
			return err
		}
		m, err = eval.MetricsOfRun(in)
		return err
	})
	return m, err
}

// settings are what a study's result depends on.
func (st Study) settings(arms []arm) map[string]any {
	sets := map[string][]string{}
	for _, a := range arms {
		sets[a.name] = a.sets
	}
	return map[string]any{"preset": "demo", "arms": sets, "set": st.Sets, "seeds": st.Seeds}
}

const builtInTask = "On the built-in task: a policy of 0.4 million parameters in a world with an exact rule for rewards."
