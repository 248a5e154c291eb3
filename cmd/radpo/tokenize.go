package main

import (
	"github.com/spf13/cobra"

	"radpo/pipeline"
)

func tokenizeVerb() *cobra.Command {
	var l lines
	cmd := &cobra.Command{
		Use:   "tokenize --model DIR",
		Short: "Text to ids and back: {text | messages} -> {ids, text}, {ids} -> {text}",
		Long: `Reads one object a line and writes one, in order:

  {text}                              {ids, text}
  {messages, add_generation_prompt}   {ids, text}, text as the chat template renders it
  {ids}                               {text}, special tokens included

Special tokens in a text are parsed and none are added. A conversation begins
with exactly one BOS where the model has one.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return l.run(cmd, pipeline.Tokenize) },
	}
	l.flags(cmd)
	l.needsModel(cmd)
	return cmd
}
