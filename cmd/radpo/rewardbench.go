package main

import (
	"io"

	"github.com/spf13/cobra"

	"radpo/pipeline"
)

func rewardBenchVerb() *cobra.Command {
	var b pipeline.Bench
	var sets []string
	var items, kind string
	cmd := &cobra.Command{
		Use:   "rewardbench (--data FILE (--model DIR | --kind remote | --kind judge) | --scores FILE)",
		Short: "Measure a ranker on RewardBench or RewardBench 2",
		Long: `Scores the answers of a RewardBench file and prints one JSON object: score,
sections and subsets, each as {value, lo, hi, n, ties} with a 95 % interval over
questions. The file is JSONL, Parquet or Arrow with the published columns:

  version 1  {prompt, chosen, rejected, subset, id}: the split "filtered".
             A question is right when chosen scores above rejected; a tie is
             wrong. Sections weigh their subsets' accuracies by the published
             example counts (math-prm 984), and score is the mean of the four.
  version 2  chosen and rejected are lists. The correct answer counts 1, or its
             share if wrong ones have its score too; Ties has the published rule.
             Score is the mean of the six subsets.

Subsets that a file lacks are left out of their section; without a section, or
one of version 2's subsets, score is null. Conversations go through the reward
model's own template and window; the published runs cut them at 2048 tokens.

--model's architecture says which ranker it is. --items writes {id, subset,
scores, result} a question, and --scores computes the same from such a file
without a model: {subset, scores}, the correct answers' first, with num_correct
in version 2, or version 1's {subset, scores_chosen, scores_rejected}.` + asking,
		Example: "  radpo eval rewardbench --data filtered.parquet --model RLHFlow/ArmoRM-Llama3-8B-v0.1 --items scores.jsonl\n" +
			"  radpo eval rewardbench --scores scores.jsonl",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := rankedBench(&b, kind, sets); err != nil {
				return err
			}
			if items == "" {
				return b.Do(cmd.Context(), io.Discard, cmd.OutOrStdout())
			}
			return whole(items, func(w io.Writer) error { return b.Do(cmd.Context(), w, cmd.OutOrStdout()) })
		},
	}
	cmd.Flags().StringVar(&b.Data, "data", "", "file of questions and answers")
	cmd.Flags().StringVar(&b.Scores, "scores", "", "file of scores, in place of data and model")
	cmd.Flags().StringVarP(&b.Model, "model", "m", "", "reward model folder, or name in the Hugging Face cache")
	cmd.Flags().StringVar(&kind, "kind", "", "remote or judge: ask servers")
	cmd.Flags().StringVar(&items, "items", "", "file for a row a question, whole or not at all")
	cmd.Flags().StringVar(&b.Result, "result", "", resultFlag)
	cmd.Flags().StringArrayVar(&sets, "set", nil, "override a key of the configuration, as ranker.heads=model; may repeat")
	cmd.MarkFlagsOneRequired("data", "scores")
	cmd.MarkFlagsMutuallyExclusive("data", "scores")
	cmd.MarkFlagsMutuallyExclusive("model", "scores")
	cmd.MarkFlagsMutuallyExclusive("kind", "scores")
	return cmd
}

// rankedBench sets who scores.
func rankedBench(b *pipeline.Bench, kind string, sets []string) (err error) {
	if b.Scores != "" {
		return nil
	}
	if kind == "rule" {
		return &usageError{errRule, "radpo eval rewardbench"}
	}
	own, err := rankedBy(kind, b.Model)
	if err != nil {
		return &usageError{err, "radpo eval rewardbench"}
	}
	if kind != "" {
		b.Model = "" // the servers' template, among the overrides
	}
	b.Config, err = pipeline.Settings(b.Model, append(sets, own...))
	return err
}
