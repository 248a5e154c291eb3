package main

import (
	"github.com/spf13/cobra"

	"radpo/pipeline"
)

func showVerb() *cobra.Command {
	var limit int
	var asJSON bool
	cmd := &cobra.Command{
		Use:     "show FOLDER [STAGE]",
		Short:   "Print a run's artifacts, or the rows of one",
		Long:    "Prints the artifacts of a run folder; with STAGE, or given a table's own folder,\nits rows; of a trained policy its metrics.",
		Example: "  radpo show runs/demo\n  radpo show runs/demo samples-1 -n 2\n  radpo show runs/demo pairs-1 --json -n 0 > pairs.jsonl",
		Args:    cobra.RangeArgs(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			return pipeline.Show(args[0], append(args, "")[1], limit, asJSON, cmd.OutOrStdout())
		},
	}
	cmd.Flags().IntVarP(&limit, "n", "n", 5, "rows to print; 0: all")
	cmd.Flags().BoolVar(&asJSON, "json", false, "one JSON object a line")
	return cmd
}
