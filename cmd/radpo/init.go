package main

import (
	"errors"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"radpo/configs"
	"radpo/pipeline"
)

func initVerb() *cobra.Command {
	var preset string
	cmd := &cobra.Command{
		Use:     "init [FILE]",
		Short:   "Write a preset's configuration to start from",
		Long:    "Writes a published run's configuration to FILE, which must not exist, or to stdout.\nPresets: " + strings.Join(configs.Presets(), ", ") + ".",
		Example: "  radpo init my.yaml --preset llama3-8b-armorm-ra",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			text, err := configs.Preset(preset)
			if err != nil {
				return &pipeline.InputError{Err: err}
			}
			if len(args) == 0 {
				_, err := cmd.OutOrStdout().Write(text)
				return err
			}
			return create(args[0], text)
		},
	}
	cmd.Flags().StringVar(&preset, "preset", "llama3-8b-armorm-ra", "which published run")
	return cmd
}

// create writes a file that must not exist yet.
func create(path string, text []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return &pipeline.InputError{Err: err}
	}
	_, err = f.Write(text)
	return errors.Join(err, f.Close())
}
