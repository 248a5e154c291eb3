package main

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
)

func sampleVerb() *cobra.Command {
	var a alone
	var goals []string
	cmd := &cobra.Command{
		Use:   "sample --model DIR --prompts FILE --out DIR",
		Short: "Draw responses to prompts: a samples table",
		Long: `Draws sampler.n responses to every prompt and writes a samples table. With
--goal they are asked for that score, and for each of several goals in turn. A
response ends at an id that generation_config.json names as its end, or at the
chat template's end of turn. Settings are those under sampler., with
prompts.max_tokens, seed, dtype (default: the folder's own) and device. With
--set sampler.backend=openai the servers at sampler.remote.urls draw, which must
serve that folder; sampler.remote.key_env names the variable with their key.` + resuming,
		Example: "  radpo sample --model DIR --prompts prompts.jsonl --out samples --set sampler.n=5 --goal 10",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			asked, err := parseGoals(goals)
			if err != nil {
				return &usageError{err, cmd.CommandPath()}
			}
			stage, err := a.settings()
			if err != nil {
				return err
			}
			return stage.Sample(cmd.Context(), asked)
		},
	}
	a.adapter(cmd)
	a.model(cmd, "policy folder, or name in the Hugging Face cache (required)")
	a.prompts(cmd)
	cmd.Flags().StringArrayVar(&goals, "goal", nil, "score to ask for, or one an attribute as 8,9; may repeat")
	a.flags(cmd, "model", "prompts")
	return cmd
}

func parseGoals(texts []string) ([][]float64, error) {
	var goals [][]float64
	for _, text := range texts {
		var goal []float64
		for _, number := range strings.Split(text, ",") {
			v, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
			if err != nil {
				return nil, fmt.Errorf("--goal %s: want a number, or one an attribute with commas between", text)
			}
			goal = append(goal, v)
		}
		goals = append(goals, goal)
	}
	return goals, nil
}
