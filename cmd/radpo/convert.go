package main

import (
	"strings"

	"github.com/spf13/cobra"

	"radpo/pipeline"
)

func importVerb() *cobra.Command {
	var c pipeline.Converted
	cmd := &cobra.Command{
		Use:   "import FILE --out OUT",
		Short: "Bring scored responses that others published into one layout",
		Long: `Reads prompts with responses and scores in the layout of UltraFeedback (raw,
preprocessed or binarized), Snorkel, princeton-nlp, RLHFlow, SPPO or TRL, as JSONL, JSON,
Parquet, Arrow or a datasets folder, told apart by their columns, and writes
{prompt_id, messages, responses, scores, attributes, source}: a .jsonl or .parquet file,
or a folder that datasets.load_from_disk opens. augment --input takes either; docs/data.md
has the layouts. Prints what it found as a JSON object.`,
		Example: "  radpo import ultrafeedback.jsonl --out scored\n  radpo import data.parquet --out scored.jsonl --skip-bad",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c.In = args[0]
			return c.Import(cmd.Context(), cmd.OutOrStdout())
		},
	}
	converting(cmd, &c)
	return cmd
}

func exportVerb() *cobra.Command {
	var c pipeline.Converted
	var as string
	names := strings.Join(pipeline.Trainers(), ", ")
	cmd := &cobra.Command{
		Use:   "export PAIRS --as TRAINER --out OUT",
		Short: "Write pairs for another trainer",
		Long: `Reads a pairs table, or pairs of text in any form that train reads, and writes them
in the columns of another trainer: ` + names + `.
OUT is a .jsonl or .parquet file, or a folder that datasets.load_from_disk opens. For
LLaMA-Factory, the file gets its entry in the dataset_info.json beside it. Goals stand
in the prompt as augment put them there.`,
		Example: "  radpo export pairs --as trl --out pairs.parquet\n  radpo export pairs --as llamafactory --out data/ra.jsonl",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c.In = args[0]
			return c.Export(cmd.Context(), as)
		},
	}
	cmd.Flags().StringVar(&as, "as", "", "one of "+names+" (required)")
	require(cmd, "as")
	converting(cmd, &c)
	return cmd
}

func converting(cmd *cobra.Command, c *pipeline.Converted) {
	cmd.Flags().StringVarP(&c.Out, "out", "o", "", ".jsonl or .parquet file, or new folder (required)")
	cmd.Flags().BoolVar(&c.SkipBad, "skip-bad", false, "leave bad rows out and keep them, with why, in OUT.bad.jsonl")
	require(cmd, "out")
}
