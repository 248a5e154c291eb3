package main

import (
	"github.com/spf13/cobra"

	"radpo/pipeline"
)

func scoreVerb() *cobra.Command {
	var l lines
	cmd := &cobra.Command{
		Use:   "score --model DIR",
		Short: "Rewards of responses: {messages, responses} -> {scores, attributes, gating, pairwise}",
		Long: `Reads {messages, responses}, one object a line, and writes {scores, attributes,
gating, pairwise} for each, in order. Messages end with the user's turn. The
folder's architecture says which ranker it is; what that ranker does not say is
null.

  scores       one number a response, on the ranker's own scale
  attributes   ArmoRM: the 19 raw rewards of each response
  gating       ArmoRM: their coefficients after softmax
  pairwise     PairRM: logits of row's response, read first, against column's,
               zero diagonal; the prompt is the last user turn, raw`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return l.run(cmd, pipeline.Score) },
	}
	l.flags(cmd)
	return cmd
}
