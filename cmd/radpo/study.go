package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"radpo/pipeline"
)

// A studied verb runs configurations of the built-in task over seeds.
type studied struct {
	paged
	seeds int
	sets  []string
}

func (s *studied) flags(cmd *cobra.Command) {
	s.paged.flags(cmd)
	cmd.Flags().IntVar(&s.seeds, "seeds", 5, "how many seeds; below 3 a deviation says little")
	cmd.Flags().StringArrayVar(&s.sets, "set", nil, "override a key of every run, as prompts.per_iteration=64; may repeat")
}

func (s *studied) study(cmd *cobra.Command) (pipeline.Study, error) {
	if s.seeds < 1 || s.seeds > 1000 {
		return pipeline.Study{}, &usageError{errors.New("--seeds: want 1 to 1000"), cmd.CommandPath()}
	}
	return pipeline.Study{Dir: s.out, Seeds: s.seeds, Sets: s.sets}, nil
}

// studies is what their help has in common.
const studies = `

The runs lie in OUT/seed-1, OUT/seed-2, …, ordinary run folders that arms and
studies share: what is there is not run again. Interrupt a study at any time: the
same command continues.` + claims

func studyVerb(name, short, long string, run func(pipeline.Study, context.Context) (pipeline.Finding, error)) *cobra.Command {
	var s studied
	cmd := &cobra.Command{
		Use: name, Short: short, Long: long + studies,
		Example: fmt.Sprintf("  radpo eval %s\n  radpo eval %s --seeds 1 --out runs/quick", name, name),
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			st, err := s.study(cmd)
			if err != nil {
				return err
			}
			f, err := run(st, cmd.Context())
			return s.show(cmd, f, err)
		},
	}
	s.flags(cmd)
	return cmd
}

func variantsVerb() *cobra.Command {
	return studyVerb("variants", "Plain, RA, RA+, half-RA, IRA and the loop beside each other, on the built-in task",
		`Trains on every variant of the same samples: plain DPO, RA, RA+, half-RA (half of
the prompts), RA on half of the pairs, IRA, and the loop's second iteration, on
fresh samples and on the first one's rows; and says which of the paper's claims
show.`, pipeline.Study.Variants)
}

func lossesVerb() *cobra.Command {
	return studyVerb("losses", "The losses of the paper's Table 9 beside each other, on plain and on RA pairs",
		`Trains SLiC-HF, ORPO, CPO, RRHF, KTO, IPO, RPO, R-DPO, SimPO and DPO on plain and
on RA pairs of the same samples of the built-in task.`, pipeline.Study.Losses)
}

func attributesVerb() *cobra.Command {
	return studyVerb("attributes", "Multi-attribute control: each of five dials against its own attribute",
		`Trains on goals of five attributes, turns one dial from the lowest to the highest
goal while the others stay in the middle, and holds each dial to moving its own
attribute more than any other.`, pipeline.Study.Attributes)
}
