package main

import (
	"errors"
	"io"
	"math"

	"github.com/spf13/cobra"

	"radpo/pipeline"
)

func tasksVerb() *cobra.Command {
	e := pipeline.Exam{Shots: -1}
	var items string
	cmd := &cobra.Command{
		Use:   "tasks arc|truthfulqa|gsm8k|gsm8k-cot|gpqa|musr|bbh --model DIR --data FILE",
		Short: "Measure a policy on ARC, TruthfulQA, GSM8K, GPQA, MuSR or BBH",
		Long: `Has a policy answer an academic benchmark from a file of its rows, as
lm-evaluation-harness 0.4.13 asks and marks, item by item, and prints the result
as one JSON object: {benchmark, version, model, metrics: {name: {value, se, ci,
n}}, settings}. Metrics are raw accuracies, none is normalised by chance.

  arc         question, choices {text, label}, answerKey       acc, acc_norm
  truthfulqa  question, mc2_targets {choices, labels}          mc2
  gsm8k       question, answer           5 examples            exact_match/…
  gsm8k-cot   question, answer           8 examples            exact_match/…
  gpqa        Question, Correct Answer, Incorrect Answer 1 …   acc, acc_norm
  musr        narrative, question, choices, answer_index       acc, acc_norm
  bbh         input, target              3 examples            acc, acc_norm

Choices are ranked by their log-likelihood behind the question, acc, or by that
per character, acc_norm. GSM8K's answers are generated, greedily, and their
number read strictly, as the task asks for it, or flexibly, the last one.

Files are JSONL, a JSON array, Parquet or Arrow, with the columns of the
published data sets. --data may repeat, or name a folder: each file is a subset,
by its name, and items of all weigh the same. BBH's files are named by its 24
subsets with choices, as boolean_expressions.jsonl. The harness's names of tasks
do as well: arc_challenge, arc_easy, truthfulqa_mc2, gsm8k_cot, leaderboard_gpqa,
leaderboard_musr, leaderboard_bbh and their parts, as leaderboard_bbh_snarks.

Examples come from --fewshot: a file of rows, or the harness's own YAML with
fewshot_config.samples, or a folder of files named by subset. GPQA, BBH and
gsm8k-cot show the first --shots of them, the others draw them for each
question by --seed, as the harness does with its --seed.

GPQA's order of choices is drawn by --seed and question: it is not that of the
harness, which depends on what ran before. Rows with choice1 … choice4 and
answer, as the harness logs them, keep their order.

--items gets {subset, doc_id, context, choices, loglikelihoods, pick, pick_norm,
gold, target, values} a row, or {…, text, strict, flexible}. docs/tasks.md says
how to compare with the harness.`,
		Example: "  radpo eval tasks arc --model DIR --data ARC-Challenge-test.jsonl --shots 25 --fewshot ARC-Challenge-train.jsonl\n" +
			"  radpo eval tasks bbh --model DIR --data bbh/ --fewshot lm_eval/tasks/leaderboard/bbh_mc --result bbh.json",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			e.Task = args[0]
			if err := checkExam(cmd, e); err != nil {
				return &usageError{err, cmd.CommandPath()}
			}
			if items == "" {
				return e.Do(cmd.Context(), io.Discard, cmd.OutOrStdout())
			}
			return whole(items, func(w io.Writer) error { return e.Do(cmd.Context(), w, cmd.OutOrStdout()) })
		},
	}
	f := cmd.Flags()
	f.StringVarP(&e.Dir, "model", "m", "", "policy folder, or name in the Hugging Face cache (required)")
	f.StringArrayVar(&e.Data, "data", nil, "file of rows, or folder of such files; may repeat (required)")
	f.IntVar(&e.Limit, "limit", 0, "rows of each file, from the first on; 0: all")
	f.IntVar(&e.Shots, "shots", -1, "examples before a question (default: the task's own number)")
	f.StringVar(&e.Examples, "fewshot", "", "file of examples, or folder of files named by subset")
	f.Int64Var(&e.Seed, "seed", 1234, "of the examples' draw, GPQA's order and the bootstrap")
	f.BoolVar(&e.Chat, "chat", false, "ask through the chat template, each example two turns")
	f.StringVar(&e.System, "system", "", "text before all else, the system's turn with --chat")
	f.BoolVar(&e.BOS, "add-bos-token", false, "have the tokenizer add its special tokens to each text")
	f.IntVar(&e.MaxLength, "max-length", 0, "tokens of a question and its answer, of which the beginning is cut; 0: the model's window")
	f.IntVar(&e.MaxTokens, "max-tokens", 256, "limit of a generated answer")
	f.StringVar(&e.DType, "dtype", "", "float32 or bfloat16 (default: the folder's own, else float32)")
	f.StringVar(&e.Device, "device", "auto", "auto, cpu or cuda")
	f.StringVar(&items, "items", "", "file for a row an item, whole or not at all")
	f.StringVar(&e.Result, "result", "", resultFlag)
	for _, name := range []string{"model", "data"} {
		if err := cmd.MarkFlagRequired(name); err != nil {
			panic(err) // a slip in flags
		}
	}
	return cmd
}

func checkExam(cmd *cobra.Command, e pipeline.Exam) error {
	switch {
	case cmd.Flags().Changed("shots") && (e.Shots < 0 || e.Shots > 10_000):
		return errors.New("--shots: want 0 to 10000")
	case e.Seed < 0 || e.Seed > math.MaxUint32:
		return errors.New("--seed: want 0 to 4294967295")
	case e.Limit < 0:
		return errors.New("--limit: want a number of rows, or 0 for all")
	case e.MaxLength < 0:
		return errors.New("--max-length: want a number of tokens, or 0 for the model's window")
	case e.MaxTokens < 1:
		return errors.New("--max-tokens: want at least 1")
	}
	return nil
}
