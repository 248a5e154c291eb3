package main

import (
	"os"

	"github.com/spf13/cobra"

	"radpo/pipeline"
)

func reportVerb() *cobra.Command {
	var t target
	cmd := &cobra.Command{
		Use:   "report [RUN-FOLDER | CONFIG]",
		Short: "Write report.html and report.json of a finished run again, and print the summary",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			r, err := t.resolve(args)
			if err != nil {
				return err
			}
			if _, err := os.Stat(r.Dir); err != nil {
				return &pipeline.InputError{Err: err}
			}
			return r.Report(cmd.OutOrStdout())
		},
	}
	t.flags(cmd)
	return cmd
}
