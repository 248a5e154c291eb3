package main

import (
	"context"
	"errors"
	"io"
	"slices"

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
prompt's ids, the sample's number and the seed, never on line or batch. The
order of settings is that of transformers: repetition penalty, temperature,
top-k, top-p, min-p. With --stop, response_ids keep the token that completed the
string. Rows of ids need no tokenizer; without one, text is null. Special tokens
inside messages stay text.`,
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
	cmd.Flags().Float64Var(&o.MinP, "min-p", 0, "drop tokens less likely than this share of the likeliest; 0: off")
	cmd.Flags().Float64Var(&o.Repetition, "repetition-penalty", 1, "above 1, make tokens less likely that prompt or response have; 1: off")
	cmd.Flags().StringArrayVar(&o.Stop, "stop", nil, "end a response at this string, and its text before it; may repeat")
	cmd.Flags().IntSliceVar(&o.StopIDs, "stop-id", nil, "end a response at this token, besides the model's own stop ids; may repeat")
	cmd.Flags().IntVar(&o.Top, "top-logprobs", 0, "tell of this many of the likeliest tokens at each place, as top_logprobs: [[{id, logprob}]]")
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
	case !(o.MinP >= 0 && o.MinP <= 1):
		return errors.New("--min-p: want 0 to 1")
	case !(o.Repetition > 0 && o.Repetition <= 100):
		return errors.New("--repetition-penalty: want above 0 and at most 100")
	case o.Top < 0 || o.Top > 20:
		return errors.New("--top-logprobs: want 0 to 20")
	case slices.ContainsFunc(o.StopIDs, func(id int) bool { return id < 0 }):
		return errors.New("--stop-id: want ids of tokens, 0 or more")
	case slices.Contains(o.Stop, ""):
		return errors.New("--stop: want a string that is not empty")
	}
	return nil
}
