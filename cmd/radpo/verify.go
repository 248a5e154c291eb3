package main

import (
	"github.com/spf13/cobra"

	"radpo/pipeline"
)

func verifyVerb() *cobra.Command {
	return &cobra.Command{
		Use:   "verify RUN-FOLDER",
		Short: "Hash every file of a run and name each that is not as recorded",
		Long: `Hashes every file of a run's artifacts against manifest.jsonl, whose records carry
hashes of their own, and config.yaml, the report and built-in models against SHA256SUMS,
and names each that differs, the first made first. Exits 1 if any does.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return pipeline.Verify(cmd.Context(), args[0], cmd.OutOrStdout())
		},
	}
}
