package main

import (
	"github.com/spf13/cobra"

	"radpo/pipeline"
)

func doctorVerb() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "doctor DIR",
		Short: "Say what a model folder is, what it can be used as, and all that is wrong with it",
		Long: `Prints one page about a model folder, or a name in the Hugging Face cache: the
model's shape and weights, the line of a configuration that takes it, tokenizer and
chat template with a prompt that asks for a 10, memory with the default settings,
and every problem with its way out. No weights are loaded and no code is run.

Exit status: 0 usable, 1 something is wrong, 2 no such folder.`,
		Example: "  radpo doctor meta-llama/Meta-Llama-3-8B-Instruct\n  radpo doctor ./model --json",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return pipeline.Doctor(args[0], asJSON, cmd.OutOrStdout())
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "one JSON object")
	return cmd
}
