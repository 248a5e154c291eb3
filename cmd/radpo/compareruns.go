package main

import (
	"github.com/spf13/cobra"

	"radpo/pipeline"
)

// resultFlag says what --result is.
const resultFlag = "file NAME.json for the result, with its items in NAME.jsonl, as radpo eval compare reads them"

func compareRunsVerb() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "compare A B",
		Short: "Compare two results of one benchmark, item by item",
		Long: `Compares what two runs of radpo eval have written: NAME.json, beside which
NAME.jsonl has the items, or the items' file alone. The same items stand on both
sides; those of one side only are left out and counted.

Of each metric that both have: the means, their difference with a paired
bootstrap's standard error and 95 % interval, p of McNemar's exact test where
all items are right or wrong, else of a sign-flip permutation, p adjusted by Holm
for the number of metrics, and the difference that a comparison of this size
would detect with 80 % power. Items of one cluster, such as the answers to one
prompt, are drawn and flipped together.

A result is {benchmark, version, model, judge, metrics: {name: {value, se, ci,
n}}, config_hash, seed}; an item is {benchmark, version, id, cluster, values}.
Length-controlled win rates are fitted to all annotations: radpo eval alpaca
--against compares them.`,
		Example: "  radpo eval rewardbench --scores a.jsonl --result a.json\n  radpo eval rewardbench --scores b.jsonl --result b.json\n  radpo eval compare a.json b.json",
		Args:    cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			return pipeline.CompareRuns(args[0], args[1], asJSON, cmd.OutOrStdout())
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "the comparison as JSON")
	return cmd
}
