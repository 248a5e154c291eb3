package main

import (
	"context"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"

	"radpo/pipeline"
)

func runVerb() *cobra.Command {
	var t target
	cmd := &cobra.Command{
		Use:   "run [CONFIG | RUN-FOLDER]",
		Short: "Run the loop, or continue it where it stopped",
		Long: `Runs the loop of a configuration, or continues it where it stopped: stages
whose inputs and settings are as before are not run again. Without CONFIG it is
the built-in demo: two iterations of a tiny model in a world whose rewards an
exact rule can check.

The run folder has the artifacts of all stages, config.yaml as run, report.html,
its twin report.md, and report.json. Interrupt it at any time: the same command continues.` + together,
		Example: "  radpo run\n  radpo run my.yaml --set dpo.beta=0.05 --out runs/beta-0.05",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			r, err := t.resolve(args)
			if err != nil {
				return err
			}
			zerolog.Ctx(cmd.Context()).Info().Str("folder", r.Dir).Str("model", r.Config.Model).Int("iterations", r.Config.Iterations).Msg("run")
			return pipeline.Together(cmd.Context(), func(ctx context.Context) error { return r.Do(ctx, cmd.OutOrStdout()) })
		},
	}
	t.flags(cmd)
	return cmd
}
