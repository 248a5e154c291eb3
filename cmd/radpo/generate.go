package main

import (
	"context"
	"errors"
	"io"

	"github.com/spf13/cobra"

	"radpo/pipeline"
)

func generateVerb() *cobra.Command {
	var l lines
	var o pipeline.Sampling
	var greedy bool
	cmd := &cobra.Command{
		Use:   "generate --model DIR",
		Short: "Draw responses: {prompt_ids | messages} -> {response_ids, text, logprobs, finish}",
		Long: `Reads {prompt_ids} or {messages}, one object a line, and writes --n rows of
{response_ids, text, logprobs, finish} for each, in order.

Finish is stop or length; a stop token is the last of response_ids and no part
of text. Logprobs are the model's own at temperature 1, in nats. Stop ids come
from generation_config.json, whose sampling settings are left alone; messages
are answered up to the chat template's end of turn too. A draw depends on the
prompt's ids, the sample's number and the seed, never on line or batch. Rows of
ids need no tokenizer; without one, text is null. Special tokens inside
messages stay text.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if greedy {
				o.Temperature = 0
			}
			if err := checkSampling(o); err != nil {
				return &usageError{err, cmd.CommandPath()}
			}
			return l.run(cmd, func(ctx context.Context, m pipeline.Model, in pipeline.Lines, w io.Writer) error {
				return pipeline.Generate(ctx, m, o, in, w)
			})
		},
	}
	l.flags(cmd)
	l.needsModel(cmd)
	cmd.Flags().BoolVar(&greedy, "greedy", false, "always the most likely token, as --temperature 0")
	cmd.Flags().IntVarP(&o.N, "n", "n", 1, "responses a prompt")
	cmd.Flags().Int64Var(&o.Seed, "seed", 0, "of the draws")
	cmd.Flags().IntVar(&o.MaxTokens, "max-tokens", 256, "limit of a response, its stop token included")
	cmd.Flags().Float64Var(&o.Temperature, "temperature", 1, "0 is greedy")
	cmd.Flags().Float64Var(&o.TopP, "top-p", 1, "smallest set of likeliest tokens with this share; 1: off")
	cmd.Flags().IntVar(&o.TopK, "top-k", 0, "this many of the likeliest tokens; 0: off")
	cmd.MarkFlagsMutuallyExclusive("greedy", "temperature")
	return cmd
}

func checkSampling(o pipeline.Sampling) error {
	switch {
	case o.N < 1:
		return errors.New("--n: want at least 1")
	case o.MaxTokens < 1:
		return errors.New("--max-tokens: want at least 1")
	case !(o.Temperature >= 0 && o.Temperature <= 100):
		return errors.New("--temperature: want 0 to 100")
	case !(o.TopP > 0 && o.TopP <= 1):
		return errors.New("--top-p: want above 0 and at most 1")
	case o.TopK < 0:
		return errors.New("--top-k: want 0 or more")
	}
	return nil
}
