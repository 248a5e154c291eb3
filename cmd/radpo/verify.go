package main

import (
	"github.com/spf13/cobra"

	"radpo/pipeline"
)

func verifyVerb() *cobra.Command {
	return &cobra.Command{
		Use:   "verify RUN-FOLDER",
		Short: "Hash every artifact of a run and name each file that is not as recorded",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return pipeline.Verify(cmd.Context(), args[0], cmd.OutOrStdout())
		},
	}
}
