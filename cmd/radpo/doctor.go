package main

import (
	"github.com/spf13/cobra"

	"radpo/pipeline"
)

func doctorVerb() *cobra.Command {
	var asJSON bool
	var sets []string
	cmd := &cobra.Command{
		Use:   "doctor DIR",
		Short: "Say what a model folder is, what it can be used as, and all that is wrong with it",
		Long: `Prints one page about a model folder, or a name in the Hugging Face cache: the
model's shape and weights, the line of a configuration that takes it, tokenizer and
chat template with a prompt that asks for a 10, memory, and every problem with its
way out. No weights are loaded and no code is run. Memory is that of each process of
this launch (WORLD_SIZE), by the settings of the run that the folder is an artifact of, or
else the defaults, with --set.

Exit status: 0 usable, 1 something is wrong, 2 no such folder.`,
		Example: "  radpo doctor meta-llama/Meta-Llama-3-8B-Instruct\n  radpo doctor ./model --json",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return pipeline.Doctor(args[0], sets, asJSON, cmd.OutOrStdout())
		},
	}
	cmd.Flags().StringArrayVar(&sets, "set", nil, "override a key of the configuration, as dpo.shard=parameters; may repeat")
	cmd.Flags().BoolVar(&asJSON, "json", false, "one JSON object")
	return cmd
}
