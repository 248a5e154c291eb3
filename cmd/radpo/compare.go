package main

import (
	"github.com/spf13/cobra"

	"radpo/pipeline"
)

func compareVerb() *cobra.Command {
	var samples string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "compare SCORES SCORES…",
		Short: "How far rankers agree on the same samples, before anything is trained",
		Long: `Compares scores tables that radpo rank, or a run, made of one samples table, each
given as DIR or NAME=DIR. Of each ranker: responses without a score, ties, and
with --samples how its scores go with length. Of each two: Spearman and Kendall
over all responses and within prompts, the share of prompts whose best, worst, or
one of these changes, of best-worst pairs that would flip (the second ranker's
word on the first's pairs, and back), of all pairs that flip, and Spearman of
every attribute that both have.

Intervals are of 95 %, by bootstrap over prompts; shares have Wilson's. With
--json the output is a list of {name, value, lo, hi, n}. Of responses that tie
the first is best or worst; with --samples equal texts are one response.`,
		Example: "  radpo rank compare armorm=scores-a pairrm=scores-b --samples samples",
		Args:    cobra.MinimumNArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			return pipeline.Compare(args, samples, asJSON, cmd.OutOrStdout())
		},
	}
	cmd.Flags().StringVar(&samples, "samples", "", "samples table of the scores")
	cmd.Flags().BoolVar(&asJSON, "json", false, "measures as JSON")
	return cmd
}
