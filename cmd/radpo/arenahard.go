package main

import (
	"errors"

	"github.com/spf13/cobra"

	"radpo/pipeline"
)

func arenaHardVerb() *cobra.Command {
	var a pipeline.ArenaHard
	var ci string
	cmd := &cobra.Command{
		Use:   "arenahard --questions FILE (--judgments FILE | (--answers FILE | --model DIR) --baseline FILE --judge-prompt FILE --out DIR)",
		Short: "Arena-Hard v0.1 and v2: a judge compares with a baseline, in both orders",
		Long: `Prints one JSON object with Arena-Hard's numbers under metrics, each {value, se,
ci, n}: win_rate against the baseline in percent, the same as elo, question_win_rate,
inconsistent (the share of questions whose two games favour different answers),
failed_games and length; by category, as win_rate/NAME, where there are several.
Questions are drawn in the bootstrap, with both games; --ci upstream draws single
games as upstream does. Of several models' judgments it prints a list.

Files are Arena-Hard's, of 2024 or 2025, of which radpo has none: --questions
question.jsonl; --answers and --baseline model_answer/MODEL.jsonl, --baseline
CATEGORY=FILE where categories have baselines of their own; --judge-prompt a YAML
file with system_prompt, a text or {CATEGORY: text}, and prompt_template.

Each question is two games: A is the baseline's answer, then the model's. A>>B
counts three times. --rules v0.1: labels in [[double]] brackets, all of which must
agree; without one the judge is asked once more; a game without a verdict is
left out. --rules v2: the last label, else the last in [single] brackets; both
games need a verdict. The scores of the versions are not comparable.

--style length,markdown adds style_win_rate: Bradley-Terry with differences of
length, headers, lists and bold text, which are read from the answers' metadata or,
with --tokenizer, counted here. Of several models it is one fit.` + judgedLong,
		Example: "  radpo eval arenahard --questions question.jsonl --judgments mine.jsonl\n" +
			"  radpo eval arenahard --questions question.jsonl --model DIR --baseline gpt-4-0314.jsonl --judge-prompt config.yaml --out result \\\n" +
			judgedExample,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if a.Rules != "" && a.Rules != "v0.1" && a.Rules != "v2" {
				return &usageError{errors.New("--rules: want v0.1 or v2"), cmd.CommandPath()}
			}
			if ci != "question" && ci != "upstream" {
				return &usageError{errors.New("--ci: want question or upstream"), cmd.CommandPath()}
			}
			a.UpstreamCI = ci == "upstream"
			for _, c := range a.Control {
				if c != "length" && c != "markdown" {
					return &usageError{errors.New("--style: want length, markdown or both"), cmd.CommandPath()}
				}
			}
			if err := checkJudged(a.Benchmark); err != nil {
				return &usageError{err, cmd.CommandPath()}
			}
			return a.Do(cmd.Context(), cmd.OutOrStdout())
		},
	}
	judgedFlags(cmd, &a.Benchmark, 4096)
	f := cmd.Flags()
	f.StringArrayVar(&a.Baselines, "baseline", nil, "file of the baseline's answers, or CATEGORY=FILE; may repeat")
	f.StringArrayVar(&a.Styles, "models", nil, "file of a judged model's answers, beside --judgments; may repeat")
	f.StringVar(&a.Rules, "rules", "", "v0.1 or v2; default v2 where questions have a subcategory, else v0.1")
	f.StringSliceVar(&a.Control, "style", nil, "length, markdown or both: control for style")
	f.StringVar(&a.Tokenizer, "tokenizer", "", "model folder whose tokenizer counts length; default the answers' metadata")
	f.StringVar(&ci, "ci", "question", "question or upstream: what the bootstrap draws")
	return cmd
}
