package main

import (
	"github.com/spf13/cobra"
)

func evalVerb() *cobra.Command {
	var a alone
	var kind, reward, fitted string
	cmd := &cobra.Command{
		Use:   "eval --model DIR --prompts FILE (--ranker DIR | --kind rule|remote|judge) --out DIR",
		Short: "Measure a policy on held-out prompts: samples at goals, scores, report",
		Long: `Answers every prompt without a goal and at each of eval.goals, scores the answers,
prints the measures as JSON, a list of {name, value, lo, hi, n} with 95 %
intervals over prompts, and writes samples, scores, report.json, report.html, its
twin report.md, and result.json, which radpo eval compare reads.
With sampler.goal=none the policy counts as one that is asked for no goal in use.
Scores map to 1-10 by settings under scale., fitted to these answers or, with
--scale-from, as an earlier table's were.` + asking + resuming,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			own, err := rankedBy(kind, reward)
			if err != nil {
				return &usageError{err, cmd.CommandPath()}
			}
			a.sets = append(a.sets, own...)
			stage, err := a.settings()
			if err != nil {
				return err
			}
			return stage.Eval(cmd.Context(), reward, fitted, cmd.OutOrStdout())
		},
	}
	a.adapter(cmd)
	a.model(cmd, "policy folder, or name in the Hugging Face cache (required)")
	a.prompts(cmd)
	cmd.Flags().StringVar(&reward, "ranker", "", "reward model folder, or name in the Hugging Face cache")
	cmd.Flags().StringVar(&kind, "kind", "", "rule, remote or judge: a ranker without weights here")
	cmd.Flags().StringVar(&fitted, "scale-from", "", "scores table whose map to 1-10 to use")
	cmd.MarkFlagsOneRequired("ranker", "kind")
	a.flags(cmd, "model", "prompts")
	cmd.AddCommand(rewardBenchVerb(), alpacaVerb(), tasksVerb(), mtBenchVerb(), arenaHardVerb(), compareRunsVerb(),
		banditVerb(), variantsVerb(), lossesVerb(), attributesVerb(), controlVerb(), unlearningVerb())
	return cmd
}
