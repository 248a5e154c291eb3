package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"radpo/pipeline"
)

// given is the run that args name, in whose folder the page goes unless a flag
// says otherwise.
func (s *studied) given(cmd *cobra.Command, args []string) (pipeline.Run, error) {
	if !cmd.Flags().Changed("out") {
		s.out = filepath.Join(args[0], "eval")
	}
	if !pipeline.IsRun(args[0]) {
		return pipeline.Run{}, &pipeline.InputError{Err: fmt.Errorf("%s is no run folder: give one that radpo run has finished", args[0])}
	}
	var t target
	return t.resolve(args)
}

func controlVerb() *cobra.Command {
	var s studied
	var a pipeline.Alone
	var goals []float64
	var kind, reward, fitted string
	cmd := &cobra.Command{
		Use:   "control [RUN | --model DIR --prompts FILE (--ranker DIR | --kind rule|remote|judge) --out DIR]",
		Short: "The paper's Table 7: asked for a goal, what is reached",
		Long: `Shows score, win rate and length at each goal, and whether the score rises with
the goal: Spearman over goals and over answers, range, share of rising steps,
each with a 95 % interval.

RUN is a run folder whose policies' answers to held-out prompts are there; the
page goes to RUN/eval. With
--model, a policy answers --prompts without a goal and at each of --goals, and
--ranker or --kind scores the answers; OUT must not exist and gets samples,
scores, report and page. With neither, the built-in task over --seeds.` + asking + studies,
		Example: "  radpo eval control runs/demo\n  radpo eval control --model policy --prompts prompts.jsonl --goals 2,4,6,8,10 --ranker RLHFlow/ArmoRM-Llama3-8B-v0.1 --out control",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			switch {
			case len(args) > 0 && a.Model != "":
				return &usageError{errors.New("give a run folder or --model, not both"), cmd.CommandPath()}
			case len(args) > 0:
				r, err := s.given(cmd, args)
				if err != nil {
					return err
				}
				f, err := r.Control()
				return s.show(cmd, f, err)
			case a.Model == "":
				st, err := s.study(cmd)
				if err != nil {
					return err
				}
				f, err := st.Control(cmd.Context())
				return s.show(cmd, f, err)
			}
			own, err := rankedBy(kind, reward)
			if err == nil && !cmd.Flags().Changed("out") {
				err = errors.New("--model needs --out, a new folder")
			}
			if err != nil {
				return &usageError{err, cmd.CommandPath()}
			}
			own = append(own, "eval.goals=["+list(goals)+"]")
			if a.Config, err = pipeline.Settings(a.Model, append(s.sets, own...)); err != nil {
				return err
			}
			a.Out = s.out
			f, err := a.Control(cmd.Context(), reward, fitted)
			return s.show(cmd, f, err)
		},
	}
	s.flags(cmd)
	f := cmd.Flags()
	f.StringVarP(&a.Model, "model", "m", "", "policy folder, or name in the Hugging Face cache")
	f.StringVar(&a.Prompts, "prompts", "", "JSONL, Parquet or Arrow file, or a prompts table")
	f.Float64SliceVar(&goals, "goals", []float64{2, 4, 6, 8, 10}, "goals to ask for")
	f.StringVar(&reward, "ranker", "", "reward model folder, or name in the Hugging Face cache")
	f.StringVar(&kind, "kind", "", "rule, remote or judge: a ranker without weights here")
	f.StringVar(&fitted, "scale-from", "", "scores table whose map to 1-10 to use")
	cmd.MarkFlagsRequiredTogether("model", "prompts")
	return cmd
}

// list is numbers with commas.
func list(numbers []float64) string {
	return strings.Trim(strings.ReplaceAll(fmt.Sprint(numbers), " ", ", "), "[]")
}

func unlearningVerb() *cobra.Command {
	var s studied
	var a pipeline.Alone
	var plain, ra, pairs string
	cmd := &cobra.Command{
		Use:   "unlearning [RUN | --reference DIR --plain DIR --ra DIR --pairs FILE --out DIR]",
		Short: "The paper's figure 3: log-probability of rejected answers",
		Long: `Takes the log-probability of rejected answers to held-out prompts, by the score
from which on they count, under the reference, plain DPO, RA asked for the
highest goal and RA asked for the answer's own score, with 95 % intervals.

RUN is a run folder with plain DPO beside its first iteration; the answers are
sampled, ranked and paired as for training, and added to the run; the page goes to
RUN/eval. With
--reference, three model folders and plain pairs, a table that radpo augment --set
augment.method=none made, or a file of {prompt, chosen, rejected, score_chosen,
score_rejected}; OUT must not exist. With neither, the built-in task over --seeds.` + studies,
		Example: "  radpo eval unlearning runs/demo\n  radpo eval unlearning --reference base --plain dpo --ra ra --pairs held-out.jsonl --out unlearning",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			switch {
			case len(args) > 0 && a.Model != "":
				return &usageError{errors.New("give a run folder or --reference, not both"), cmd.CommandPath()}
			case len(args) > 0:
				r, err := s.given(cmd, args)
				if err != nil {
					return err
				}
				f, err := r.Unlearning(cmd.Context())
				return s.show(cmd, f, err)
			case a.Model == "":
				st, err := s.study(cmd)
				if err != nil {
					return err
				}
				f, err := st.Unlearning(cmd.Context())
				return s.show(cmd, f, err)
			case !cmd.Flags().Changed("out"):
				return &usageError{errors.New("--reference needs --out, a new folder"), cmd.CommandPath()}
			}
			var err error
			if a.Config, err = pipeline.Settings(a.Model, s.sets); err != nil {
				return err
			}
			a.Out = s.out
			f, err := a.Unlearning(cmd.Context(), plain, ra, pairs)
			return s.show(cmd, f, err)
		},
	}
	s.flags(cmd)
	f := cmd.Flags()
	f.StringVar(&a.Model, "reference", "", "policy folder that the others were trained from")
	f.StringVar(&plain, "plain", "", "policy trained on plain pairs")
	f.StringVar(&ra, "ra", "", "policy trained on RA pairs")
	f.StringVar(&pairs, "pairs", "", "plain pairs that no policy was trained on, with scores")
	cmd.MarkFlagsRequiredTogether("reference", "plain", "ra", "pairs")
	return cmd
}
