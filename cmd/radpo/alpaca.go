package main

import (
	"errors"

	"github.com/spf13/cobra"

	"radpo/pipeline"
)

func alpacaVerb() *cobra.Command {
	var a pipeline.Alpaca
	var align string
	cmd := &cobra.Command{
		Use:   "alpaca --annotations FILE [--difficulty CSV --gamed CSV] [--against FILE]",
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
{first, second}, their differences with paired intervals, and a permutation p.`,
		Example: "  radpo eval alpaca --annotations annotations.json --difficulty instructions.csv --gamed gamed_baseline.csv",
		Args:    cobra.NoArgs,
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
			return a.Do(cmd.Context(), cmd.OutOrStdout())
		},
	}
	f := cmd.Flags()
	f.StringVar(&a.Annotations, "annotations", "", "file of annotations (required)")
	f.StringVar(&a.Against, "against", "", "file of another model's annotations")
	f.StringVar(&a.Difficulty, "difficulty", "", "CSV file of the instructions' difficulties")
	f.StringVar(&a.Gamed, "gamed", "", "CSV file of gamed baselines' judgements")
	f.StringVar(&a.Outputs, "outputs", "", "file of the model's answers, for avg_length; default those annotated")
	f.Float64Var(&a.C, "lc-c", 0, "C of the length control; 0: by cross-validation")
	f.StringVar(&align, "lc-align", "position", "difficulties by position, as upstream, or by the instruction's hash")
	f.IntVar(&a.Draws, "bootstrap", 1000, "draws of the bootstrap; 0: no intervals")
	if err := cmd.MarkFlagRequired("annotations"); err != nil {
		panic(err) // a slip in flags
	}
	return cmd
}
