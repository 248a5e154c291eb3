package main

import (
	"github.com/spf13/cobra"

	"radpo/pipeline"
)

func replayVerb() *cobra.Command {
	return &cobra.Command{
		Use:   "replay DIR",
		Short: "Take a training step again that was not finite",
		Long: `Takes one step again, which a training kept since its loss or gradient was not
finite; the log of the training has the command. It ends in the same words, or
prints what the step comes to as a line of metrics.jsonl, and moves nothing.

DIR holds the weights that met the step, its pairs to look at (pairs.jsonl) and the
steps before; pairs and reference are those of the run folder, which has to be there
still. The step is the same to the bit on the same device with the same --threads, in
one process.`,
		Example: "  radpo replay policy.work/work/train-1f3a/parts/not-finite-00000012",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return pipeline.Replay(cmd.Context(), args[0], cmd.OutOrStdout())
		},
	}
}
