package main

import (
	"github.com/spf13/cobra"
)

func augmentVerb() *cobra.Command {
	var a alone
	var samples, scores string
	var whatIf, asJSON bool
	cmd := &cobra.Command{
		Use:   "augment --model DIR --prompts FILE --samples DIR --scores DIR --out DIR",
		Short: "Pair scored samples: a pairs table",
		Long: `Pairs the scored samples of each prompt and writes a pairs table, its prompts
rendered by the policy's tokenizer and chat template. Settings are those under
augment., with prompts.max_tokens and seed.

With --what-if it writes nothing and prints the paper's variants side by side:
rows, rows dropped and why, goals, contradictory rows, score margins, tokens.` + resuming,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			stage, err := a.settings()
			if err != nil {
				return err
			}
			if whatIf {
				return stage.WhatIf(cmd.Context(), samples, scores, asJSON, cmd.OutOrStdout())
			}
			return stage.Augment(cmd.Context(), samples, scores)
		},
	}
	a.model(cmd, "policy folder, or name in the Hugging Face cache (required)")
	a.prompts(cmd)
	cmd.Flags().StringVar(&samples, "samples", "", "samples table (required)")
	cmd.Flags().StringVar(&scores, "scores", "", "scores table of them (required)")
	cmd.Flags().BoolVar(&whatIf, "what-if", false, "print what each variant would make, and write nothing")
	cmd.Flags().BoolVar(&asJSON, "json", false, "of --what-if: one JSON object a variant and line")
	a.settingsAndOut(cmd)
	require(cmd, "model", "prompts", "samples", "scores")
	cmd.MarkFlagsOneRequired("out", "what-if")
	cmd.MarkFlagsMutuallyExclusive("out", "what-if")
	cmd.MarkFlagsMutuallyExclusive("out", "json")
	return cmd
}
