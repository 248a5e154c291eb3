package main

import (
	"errors"

	"github.com/spf13/cobra"

	"radpo/pipeline"
)

func mtBenchVerb() *cobra.Command {
	var b pipeline.MTBench
	cmd := &cobra.Command{
		Use:   "mtbench --questions FILE (--judgments FILE | (--answers FILE | --model DIR) --judge-prompt FILE --out DIR)",
		Short: "MT-Bench: a judge rates two turns, one answer at a time",
		Long: `Prints one JSON object with MT-Bench's numbers under metrics, each {value, se, ci,
n}: average over all judgments with a rating, turn_1, turn_2, category/NAME,
failed (the share of judgments without a rating) and length (characters). Both
turns of a question are drawn together in the bootstrap.

Files are FastChat's, of which radpo has none: --questions question.jsonl,
--answers model_answer/MODEL.jsonl, --references reference_answer/JUDGE.jsonl
(for math, reasoning and coding), --judge-prompt judge_prompts.jsonl.

--model answers the questions here, turn by turn with its own answers in
context, at FastChat's temperature of each category; --goal asks for a score.
A rating is the first number in [[double]] brackets, else in [single] ones,
else the judgment counts as failed and no mean has it.` + judgedLong,
		Example: "  radpo eval mtbench --questions question.jsonl --judgments gpt-4_single.jsonl --name mine\n" +
			"  radpo eval mtbench --questions question.jsonl --model DIR --references gpt-4.jsonl --judge-prompt judge_prompts.jsonl --out result \\\n" +
			judgedExample,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := checkJudged(b.Benchmark); err != nil {
				return &usageError{err, cmd.CommandPath()}
			}
			return b.Do(cmd.Context(), cmd.OutOrStdout())
		},
	}
	judgedFlags(cmd, &b.Benchmark, 1024)
	cmd.Flags().StringVar(&b.References, "references", "", "file of reference answers")
	return cmd
}

const (
	judgedLong = `

The judge is any API like OpenAI's, by settings under ranker.remote, asked at
ranker.judge.temperature for at most ranker.judge.max_tokens. --out gets
model_answer, model_judgment and result.json; what the judge said is kept there,
so that the same command continues and asks nothing twice. --judgments computes
the same from judgments made before.`
	judgedExample = "    --set ranker.remote.urls=[https://api.openai.com] --set ranker.remote.model=gpt-4 --set ranker.remote.key_env=OPENAI_API_KEY"
)

// judgedFlags are those that MT-Bench and Arena-Hard share.
func judgedFlags(cmd *cobra.Command, b *pipeline.Benchmark, maxTokens int) {
	f := cmd.Flags()
	f.StringVar(&b.Questions, "questions", "", "file of questions (required)")
	f.StringVar(&b.Answers, "answers", "", "file of the model's answers")
	f.StringVarP(&b.Model, "model", "m", "", "policy folder, name in the Hugging Face cache, or run folder: it answers here")
	f.StringVar(&b.Prompt, "judge-prompt", "", "file of the judge's prompts")
	f.StringArrayVar(&b.Judgments, "judgments", nil, "file of judgments; may repeat")
	f.StringVarP(&b.Out, "out", "o", "", "folder for answers, judgments and result")
	f.StringVar(&b.Result, "result", "", resultFlag)
	f.StringVar(&b.Name, "name", "", "name of the model; default its folder's, or the only one judged")
	f.StringVar(&b.Goal, "goal", "", "score that the model's answers are asked to reach, or one an attribute as 8,9")
	f.IntVar(&b.MaxTokens, "max-tokens", maxTokens, "limit of the model's answer")
	f.Int64Var(&b.Seed, "seed", 0, "of the model's draws")
	f.StringVar(&b.DType, "dtype", "", "float32 or bfloat16 (default: the folder's own, else float32)")
	f.StringVar(&b.Device, "device", "auto", "auto, cpu or cuda")
	f.StringArrayVar(&b.Sets, "set", nil, "override a key of the configuration, as ranker.remote.model=gpt-4; may repeat")
	require(cmd, "questions")
	cmd.MarkFlagsOneRequired("judgments", "answers", "model")
	cmd.MarkFlagsMutuallyExclusive("answers", "model")
	cmd.MarkFlagsMutuallyExclusive("judgments", "model")
	cmd.MarkFlagsMutuallyExclusive("judgments", "judge-prompt")
}

// checkJudged checks what flags cannot say by themselves.
func checkJudged(b pipeline.Benchmark) error {
	switch {
	case len(b.Judgments) == 0 && (b.Prompt == "" || b.Out == ""):
		return errors.New("judging needs --judge-prompt and --out")
	case b.MaxTokens < 1:
		return errors.New("--max-tokens: want at least 1")
	}
	return nil
}
