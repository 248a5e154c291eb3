package main

import (
	"github.com/spf13/cobra"
)

func rankVerb() *cobra.Command {
	var a alone
	var kind, samples, fitted string
	cmd := &cobra.Command{
		Use:   "rank (--model DIR | --kind rule|remote|judge) --prompts FILE --samples DIR --out DIR",
		Short: "Score samples: a scores table, raw and on 1-10",
		Long: `Scores every sample and writes a scores table: raw, attributes and gating as the
ranker has them, score on 1-10. The model folder's architecture says which
ranker it is; --kind rule is the exact rule of the built-in world. Scores map to
1-10 by settings under scale., fitted to these samples or, with --scale-from,
as an earlier table's were; the log says what was clipped and how far scores lie
from those that the map was fitted to. Scores that compare only responses to one
prompt, as PairRM's do, need --set scale.scope=per-prompt. A response without a
finite score is an error or, with --set ranker.non_finite=drop, has none on 1-10
and is left out by the stages behind.` + asking + resuming,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			own, err := rankedBy(kind, a.Model)
			if err != nil {
				return &usageError{err, cmd.CommandPath()}
			}
			if own != nil {
				a.sets, a.Model = append(a.sets, own...), ""
			}
			stage, err := a.settings()
			if err != nil {
				return err
			}
			return stage.Rank(cmd.Context(), samples, fitted)
		},
	}
	a.model(cmd, "reward model folder, or name in the Hugging Face cache")
	a.prompts(cmd)
	cmd.Flags().StringVar(&kind, "kind", "", "rule, remote or judge: a ranker without weights here")
	cmd.Flags().StringVar(&samples, "samples", "", "samples table (required)")
	cmd.Flags().StringVar(&fitted, "scale-from", "", "scores table whose map to 1-10 to use")
	cmd.MarkFlagsOneRequired("model", "kind")
	a.flags(cmd, "prompts", "samples")
	cmd.AddCommand(compareVerb())
	return cmd
}
