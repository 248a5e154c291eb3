package main

import (
	"errors"

	"github.com/spf13/cobra"
)

func augmentVerb() *cobra.Command {
	var a alone
	var samples, scores string
	var given string
	var whatIf, asJSON bool
	cmd := &cobra.Command{
		Use:   "augment --model DIR (--prompts FILE --samples DIR --scores DIR | --input FILE) --out DIR",
		Short: "Pair scored samples, or preference data with scores: a pairs table",
		Long: `Pairs the scored samples of each prompt and writes a pairs table, its prompts
rendered by the policy's tokenizer and chat template. Settings are those under
augment., with prompts.max_tokens and seed.

With --input, prompts, responses and scores come from a file that others made:
UltraFeedback, Snorkel, princeton-nlp, RLHFlow, SPPO, or TRL's columns with scores,
as JSONL, JSON, Parquet, Arrow or a datasets folder, told apart by their columns
(docs/data.md). Scores become 1-10 by scale.; scale.method=identity takes those as
they are that are on it. The file is streamed, whatever its length. Without --model,
goals stand in a system turn and rows have no ids: train, or TRL after export, makes
them. An interruption leaves nothing; bad rows end the work unless --skip-bad.

With --what-if it writes nothing and prints the paper's variants side by side:
rows, rows dropped and why, goals, contradictory rows, score margins and, with a
model, tokens. Of --input it passes over the file once a variant.` + resuming,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			stage, err := a.settings()
			if err != nil {
				return err
			}
			switch {
			case given != "" && whatIf:
				return stage.WhatIfGiven(cmd.Context(), given, asJSON, cmd.OutOrStdout())
			case given != "":
				return stage.Given(cmd.Context(), given)
			case a.Model == "":
				return &usageError{errors.New(`required flag "model" not set`), cmd.CommandPath()}
			case whatIf:
				return stage.WhatIf(cmd.Context(), samples, scores, asJSON, cmd.OutOrStdout())
			}
			return stage.Augment(cmd.Context(), samples, scores)
		},
	}
	a.model(cmd, "policy folder, or name in the Hugging Face cache (required but with --input)")
	a.prompts(cmd)
	cmd.Flags().StringVar(&samples, "samples", "", "samples table")
	cmd.Flags().StringVar(&scores, "scores", "", "scores table of them")
	cmd.Flags().StringVar(&given, "input", "", "file of scored responses that others made, in place of the three")
	cmd.Flags().BoolVar(&whatIf, "what-if", false, "print what each variant would make, and write nothing")
	cmd.Flags().BoolVar(&asJSON, "json", false, "of --what-if: one JSON object a variant and line")
	a.settingsAndOut(cmd)
	cmd.MarkFlagsOneRequired("samples", "input")
	cmd.MarkFlagsRequiredTogether("prompts", "samples", "scores")
	cmd.MarkFlagsMutuallyExclusive("samples", "input")
	cmd.MarkFlagsOneRequired("out", "what-if")
	cmd.MarkFlagsMutuallyExclusive("out", "what-if")
	cmd.MarkFlagsMutuallyExclusive("out", "json")
	return cmd
}
