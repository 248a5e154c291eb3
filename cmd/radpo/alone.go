package main

import (
	"github.com/spf13/cobra"

	"radpo/pipeline"
)

// Alone are the flags of a stage on files.
type alone struct {
	pipeline.Alone
	sets []string
}

// resuming is the end of such a verb's help.
const resuming = `

OUT must not exist. The work lies in OUT.work until it is done; interrupt it at
any time, and the same command continues there.`

func (a *alone) flags(cmd *cobra.Command, required ...string) {
	a.settingsAndOut(cmd)
	require(cmd, append(required, "out")...)
}

func (a *alone) settingsAndOut(cmd *cobra.Command) {
	cmd.Flags().StringArrayVar(&a.sets, "set", nil, "override a key of the configuration, as dpo.beta=0.05; may repeat")
	cmd.Flags().BoolVar(&a.SkipBad, "skip-bad", false, "leave bad rows of files out and keep them, with why, in OUT.bad.jsonl")
	cmd.Flags().StringVarP(&a.Out, "out", "o", "", "new folder for the result (required)")
}

func require(cmd *cobra.Command, flags ...string) {
	for _, name := range flags {
		if err := cmd.MarkFlagRequired(name); err != nil {
			panic(err) // a slip in the lines above
		}
	}
}

func (a *alone) model(cmd *cobra.Command, usage string) {
	cmd.Flags().StringVarP(&a.Model, "model", "m", "", usage)
}

// adapter is for verbs that read the policy's weights.
func (a *alone) adapter(cmd *cobra.Command) {
	cmd.Flags().StringVar(&a.Adapter, "adapter", "", "folder of a LoRA adapter on the model, as PEFT saves them; --model may be one itself")
}

func (a *alone) prompts(cmd *cobra.Command) {
	cmd.Flags().StringVar(&a.Prompts, "prompts", "", "JSONL, Parquet or Arrow file, or a prompts table (required)")
}

// settings reads --set on top of the defaults.
func (a *alone) settings() (pipeline.Alone, error) {
	var err error
	a.Config, err = pipeline.Settings(a.Model, a.sets)
	return a.Alone, err
}
