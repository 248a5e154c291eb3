package main

import (
	"github.com/spf13/cobra"
)

func augmentVerb() *cobra.Command {
	var a alone
	var samples, scores string
	cmd := &cobra.Command{
		Use:   "augment --model DIR --prompts FILE --samples DIR --scores DIR --out DIR",
		Short: "Pair scored samples: a pairs table",
		Long: `Pairs the scored samples of each prompt and writes a pairs table, its prompts
rendered by the policy's tokenizer and chat template. Settings are those under
augment., with prompts.max_tokens and seed.` + resuming,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			stage, err := a.settings()
			if err != nil {
				return err
			}
			return stage.Augment(cmd.Context(), samples, scores)
		},
	}
	a.model(cmd, "policy folder, or name in the Hugging Face cache (required)")
	a.prompts(cmd)
	cmd.Flags().StringVar(&samples, "samples", "", "samples table (required)")
	cmd.Flags().StringVar(&scores, "scores", "", "scores table of them (required)")
	a.flags(cmd, "model", "prompts", "samples", "scores")
	return cmd
}
