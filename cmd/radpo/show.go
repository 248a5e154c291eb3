package main

import (
	"os"

	"github.com/spf13/cobra"

	"radpo/pipeline"
)

func showVerb() *cobra.Command {
	var limit int
	var asJSON, tokens, lineage bool
	view := pipeline.TokenView{Row: 1}
	cmd := &cobra.Command{
		Use:     "show FOLDER [STAGE]",
		Short:   "Print a run's artifacts, or the rows of one",
		Long:    "Prints the artifacts of a run folder; with STAGE, or given a table's own folder,\nits rows; of a trained policy its metrics. With --tokens, one row of pairs or samples\ntoken by token: text and id, the role of each, and what is trained on.\nWith --lineage, where a row of pairs comes from, or which rows a sample became, down to\nseeds, raw scores and the constants of maps.",
		Example: "  radpo show runs/demo\n  radpo show runs/demo samples-1 -n 2\n  radpo show runs/demo pairs-1 --json -n 0 > pairs.jsonl\n  radpo show runs/demo pairs-1 --tokens --row 7\n  radpo show runs/demo pairs-1 --lineage --row 7",
		Args:    cobra.RangeArgs(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			if tokens {
				view.Colour = os.Getenv("NO_COLOR") == "" && isTerminal(cmd.OutOrStdout())
				return pipeline.ShowTokens(args[0], append(args, "")[1], view, cmd.OutOrStdout())
			}
			if lineage {
				return pipeline.ShowLineage(args[0], append(args, "")[1], view.Row, asJSON, cmd.OutOrStdout())
			}
			return pipeline.Show(args[0], append(args, "")[1], limit, asJSON, cmd.OutOrStdout())
		},
	}
	cmd.Flags().IntVarP(&limit, "n", "n", 5, "rows to print; 0: all")
	cmd.Flags().BoolVar(&asJSON, "json", false, "one JSON object a line")
	cmd.Flags().BoolVar(&tokens, "tokens", false, "one row token by token, in colour on a terminal")
	cmd.Flags().IntVar(&view.Row, "row", view.Row, "which row --tokens or --lineage is about, from 1")
	cmd.Flags().StringVar(&view.Model, "model", "", "whose tokenizer --tokens reads (default the run's policy)")
	cmd.Flags().BoolVar(&lineage, "lineage", false, "of one row, all that it comes from; of a sample, all rows that it is in")
	cmd.MarkFlagsMutuallyExclusive("tokens", "lineage", "n")
	cmd.MarkFlagsMutuallyExclusive("tokens", "json")
	return cmd
}
