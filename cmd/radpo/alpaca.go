package main

import (
	"errors"
	"path/filepath"

	"github.com/spf13/cobra"

	"radpo/pipeline"
)

func alpacaVerb() *cobra.Command {
	var a pipeline.Alpaca
	var j pipeline.AlpacaJudge
	var align, kind string
	var sets []string
	cmd := &cobra.Command{
		Use:   "alpaca (--annotations FILE | --outputs FILE --reference FILE (--kind judge | --kind remote | --model DIR) --out DIR)",
		Short: "AlpacaEval 2: win rates, plain and controlled for length, with intervals",
		Long: `Prints the row that AlpacaEval 2's leaderboard would have for a file of
annotations, as one JSON object in percent: win_rate, standard_error,
discrete_win_rate, length_controlled_winrate and so on, with the C and weights
of the length control, and bootstrap intervals over instructions, for which the
length control is fitted again at its C. lc_standard_error is upstream's: the
spread of fitted probabilities, no sampling error; the bootstrap's is.

Annotations are AlpacaEval's annotations.json: {instruction, output_1,
generator_1, output_2, generator_2, preference}, output_2 the model's.

--difficulty is a CSV file with a column instruction_difficulty, in the order of
the instructions, and --gamed the judgements of gamed baselines: variant, index,
len_1, len_2, preference_surrogate, or AlpacaEval's df_gamed.csv. They belong to
AlpacaEval's own judge and baseline. With both the length control is upstream's
length_controlled_v1, without --gamed length_controlled_noreg, and without
either length_controlled_minimal, which suits other judges.

C comes from cross-validation over ten values. Upstream's own choice depends on
the machine that it ran on; --lc-c sets it.

--against compares with another model's annotations on the instructions of both:
{first, second}, their differences with paired intervals, and a permutation p.

With --reference the annotations are made first: of --outputs, AlpacaEval's
model_outputs.json of {instruction, output, generator, dataset}, beside the
baseline's, joined by instruction. --out gets annotations.json,
leaderboard.csv and result.json; what a judge answered is kept there, so that the
same command continues and asks nothing twice. Equal outputs tie without being judged.

--kind judge asks a language model through any API like OpenAI's, by settings
under ranker.remote, for one token, m or M; its log-probabilities are the
preference, and a coin seeded by the instruction, upstream's, says which output
is shown first. The built-in prompt is worded otherwise than upstream's: give
upstream's file alpaca_eval_clf.txt as --judge-prompt for comparable numbers.
--model, or --kind remote, has a reward model score both outputs: the better
score wins or, with --tau, the preference is the sigmoid of the difference over
tau. A reward model that ranked the training data is no independent judge.`,
		Example: "  radpo eval alpaca --annotations annotations.json --difficulty instructions.csv --gamed gamed_baseline.csv\n" +
			"  radpo eval alpaca --outputs model_outputs.json --reference baseline.json --out result --kind judge \\\n" +
			"    --set ranker.remote.urls=[https://api.openai.com] --set ranker.remote.model=gpt-4-1106-preview --set ranker.remote.key_env=OPENAI_API_KEY",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			switch {
			case a.C < 0 || a.C != a.C || a.C > 1e9:
				return &usageError{errors.New("--lc-c: want a number above 0, or 0 for cross-validation"), cmd.CommandPath()}
			case a.Draws < 0 || a.Draws > 1_000_000:
				return &usageError{errors.New("--bootstrap: want 0 to 1000000"), cmd.CommandPath()}
			case align != "position" && align != "instruction":
				return &usageError{errors.New("--lc-align: want position or instruction"), cmd.CommandPath()}
			}
			a.ByInstruction = align == "instruction"
			if a.Annotations == "" {
				if err := judgedBy(&j, a.Outputs, kind, sets); err != nil {
					return err
				}
				if err := j.Do(cmd.Context()); err != nil {
					return err
				}
				var err error
				if a.Judging, err = j.Judging(); err != nil {
					return err
				}
				if a.Result == "" {
					a.Result = filepath.Join(j.Out, "result.json")
				}
				a.Annotations, a.Leaderboard = j.Annotations(), filepath.Join(j.Out, "leaderboard.csv")
			}
			return a.Do(cmd.Context(), cmd.OutOrStdout())
		},
	}
	f := cmd.Flags()
	f.StringVar(&a.Annotations, "annotations", "", "file of annotations")
	f.StringVar(&j.Reference, "reference", "", "file of the baseline's answers: make the annotations")
	f.StringVarP(&j.Out, "out", "o", "", "folder for annotations made")
	f.StringVar(&kind, "kind", "", "judge or remote: ask servers")
	f.StringVarP(&j.Model, "model", "m", "", "reward model folder, or name in the Hugging Face cache")
	f.StringVar(&j.Prompt, "judge-prompt", "", "file of the judge's prompt: {instruction}, {output_1} and {output_2} in ChatML")
	f.Float64Var(&j.Tau, "tau", 0, "temperature of a difference of scores; 0: the better score wins")
	f.StringArrayVar(&sets, "set", nil, "override a key of the configuration, as ranker.remote.model=gpt; may repeat")
	f.StringVar(&a.Against, "against", "", "file of another model's annotations")
	f.StringVar(&a.Difficulty, "difficulty", "", "CSV file of the instructions' difficulties")
	f.StringVar(&a.Gamed, "gamed", "", "CSV file of gamed baselines' judgements")
	f.StringVar(&a.Outputs, "outputs", "", "file of the model's answers, for avg_length; default those annotated")
	f.Float64Var(&a.C, "lc-c", 0, "C of the length control; 0: by cross-validation")
	f.StringVar(&align, "lc-align", "position", "difficulties by position, as upstream, or by the instruction's hash")
	f.StringVar(&a.Result, "result", "", resultFlag)
	f.IntVar(&a.Draws, "bootstrap", 1000, "draws of the bootstrap; 0: no intervals")
	cmd.MarkFlagsOneRequired("annotations", "reference")
	cmd.MarkFlagsMutuallyExclusive("annotations", "reference")
	cmd.MarkFlagsMutuallyExclusive("result", "against")
	cmd.MarkFlagsRequiredTogether("reference", "out")
	return cmd
}

// judgedBy sets who judges the answers in outputs.
func judgedBy(j *pipeline.AlpacaJudge, outputs, kind string, sets []string) error {
	const verb = "radpo eval alpaca"
	j.Outputs = outputs
	switch {
	case outputs == "":
		return &usageError{errors.New("--reference needs the model's --outputs"), verb}
	case kind == "rule":
		return &usageError{errRule, verb}
	case kind == "judge" && j.Model != "":
		return &usageError{errors.New("--kind judge reads no model's folder: name it by --set ranker.remote.model=…"), verb}
	case j.Tau < 0 || j.Tau != j.Tau:
		return &usageError{errors.New("--tau: want 0 or more"), verb}
	}
	own, err := rankedBy(kind, j.Model)
	if err != nil {
		return &usageError{err, verb}
	}
	if kind != "" {
		j.Model = "" // the servers' template, among the overrides
	}
	j.Config, err = pipeline.Settings(j.Model, append(sets, own...))
	return err
}
