package main

import (
	"context"
	"io"

	"github.com/spf13/cobra"

	"radpo/pipeline"
)

func scoreVerb() *cobra.Command {
	var l lines
	var kind string
	var sets []string
	cmd := &cobra.Command{
		Use:   "score (--model DIR | --kind remote | --kind judge)",
		Short: "Rewards of responses: {messages, responses} -> {scores, attributes, gating, pairwise}",
		Long: `Reads {messages, responses}, one object a line, and writes {scores, attributes,
gating, pairwise} for each, in order. Messages end with the user's turn. The
folder's architecture says which ranker it is; what that ranker does not say is
null.

  scores       one number a response, on the ranker's own scale; one that is not
               finite is an error or, with ranker.non_finite=drop, null
  attributes   ArmoRM: the 19 raw rewards of each response
  gating       ArmoRM: their coefficients after softmax
  pairwise     PairRM: logits of row's response, read first, against column's,
               zero diagonal; the prompt is the last user turn, raw;
               a judge's games: 1 won, -1 lost, 0 a tie

Settings are those under ranker.` + asking,
		Example: `  radpo score --model DIR --input answers.jsonl
  radpo score --kind remote --model DIR --set 'ranker.remote.urls=[http://127.0.0.1:8000]' --input answers.jsonl`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if kind == "rule" {
				return &usageError{errRule, cmd.CommandPath()}
			}
			own, err := rankedBy(kind, l.model.Dir)
			if err != nil {
				return &usageError{err, cmd.CommandPath()}
			}
			c, err := pipeline.Settings("", append(sets, own...))
			if err != nil {
				return err
			}
			return l.run(cmd, func(ctx context.Context, m pipeline.Model, in pipeline.Lines, w io.Writer) error {
				return pipeline.Score(ctx, m, c.Ranker, in, w)
			})
		},
	}
	l.flags(cmd)
	cmd.Flags().StringVar(&kind, "kind", "", "remote or judge: ask servers")
	cmd.Flags().StringArrayVar(&sets, "set", nil, "override a key of the configuration, as ranker.non_finite=drop; may repeat")
	cmd.MarkFlagsOneRequired("model", "kind")
	return cmd
}
