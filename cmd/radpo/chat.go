package main

import (
	"os"
	"os/signal"

	"github.com/spf13/cobra"

	"radpo/pipeline"
)

func chatVerb() *cobra.Command {
	var m pipeline.Model
	var o pipeline.Chatting
	cmd := &cobra.Command{
		Use:   "chat DIR",
		Short: "Talk with a policy, with its goal as a dial",
		Long: `Talks with a policy, or the newest of a run folder. Each line is a turn; the
answer comes as it is drawn. Commands begin with a slash:

  /goal 7             answers shall reach this score; one an attribute: /goal 8,9
  /goal honesty=9     changes one attribute; /goal off asks for none
  /system TEXT        what stands in front of the conversation
  /temperature 0.7, /seed 3
  /regen, /reset, /help, /quit

Ctrl-C stops the answer, Ctrl-D ends. A goal is worded as in the run that the
policy is of, else as --set augment.prompt=…, decimals and attributes say. What
the model's window has no room for is forgotten, the oldest first, and that is
said. On a pipe, answers alone go to stdout.`,
		Example: "  radpo chat runs/demo --goal 10\n  echo 'What is a fox?' | radpo chat DIR --temperature 0",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.N, o.Repetition = 1, 1
			if err := checkSampling(o.Sampling); err != nil {
				return &usageError{err, cmd.CommandPath()}
			}
			signal.Reset(os.Interrupt) // it ends an answer, not the program
			interrupt := make(chan os.Signal, 1)
			signal.Notify(interrupt, os.Interrupt)
			defer signal.Stop(interrupt)
			m.Dir = args[0]
			o.In, o.Out, o.Notes, o.Interrupt = cmd.InOrStdin(), cmd.OutOrStdout(), cmd.ErrOrStderr(), interrupt
			o.Terminal = isTerminal(o.Out)
			return pipeline.Chat(cmd.Context(), m, o)
		},
	}
	cmd.Flags().StringVar(&o.Goal, "goal", "", "score to begin with, or one an attribute as 8,9")
	cmd.Flags().StringVar(&o.System, "system", "", "system turn")
	cmd.Flags().Int64Var(&o.Seed, "seed", 0, "of the draws")
	cmd.Flags().IntVar(&o.MaxTokens, "max-tokens", 512, "limit of an answer")
	cmd.Flags().Float64Var(&o.Temperature, "temperature", 0.8, "0 is greedy")
	cmd.Flags().Float64Var(&o.TopP, "top-p", 0.95, "smallest set of likeliest tokens with this share; 1: off")
	cmd.Flags().IntVar(&o.TopK, "top-k", 0, "this many of the likeliest tokens; 0: off")
	cmd.Flags().StringVar(&m.DType, "dtype", "", "float32 or bfloat16 (default: the folder's own, else float32)")
	cmd.Flags().StringVar(&m.Device, "device", "auto", "auto, cpu or cuda")
	cmd.Flags().StringArrayVar(&o.Sets, "set", nil, "override a key, as augment.prompt=released-code; may repeat")
	return cmd
}
