package main

import (
	"github.com/spf13/cobra"

	"radpo/pipeline"
)

func logprobsVerb() *cobra.Command {
	var l lines
	cmd := &cobra.Command{
		Use:   "logprobs --model DIR",
		Short: "Log-probabilities of responses: {prompt_ids, response_ids} -> {logprobs, sum}",
		Long: `Reads {prompt_ids, response_ids}, one object a line, and writes {logprobs, sum}
for each, in order: the log-probability of every response token at temperature
1, in nats, and their sum. No tokenizer is needed.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return l.run(cmd, pipeline.Logprobs) },
	}
	l.flags(cmd)
	l.needsModel(cmd)
	return cmd
}
