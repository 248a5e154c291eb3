package main

import (
	"errors"
	"os"

	"github.com/spf13/cobra"

	"radpo/pipeline"
)

func reportVerb() *cobra.Command {
	var t target
	var page string
	cmd := &cobra.Command{
		Use:   "report [RUN-FOLDER | CONFIG] | report RUN-FOLDER RUN-FOLDER",
		Short: "Write the report of a finished run again, or compare two runs",
		Long: `Writes report.html, its twin report.md and report.json of a finished run again,
and prints the summary. The page is one file without scripts; it needs no network.

Of two runs it prints, as Markdown, the settings and the inputs' hashes that
differ, and the rewards of policies of one name at one goal over the held-out
prompts of both: means, the paired difference with a 95 % interval by bootstrap
over prompts, p adjusted by Holm, and the difference that so many prompts would
show. Nothing is written into the runs.`,
		Example: "  radpo report runs/demo\n  radpo report runs/a runs/b --html a-b.html",
		Args:    cobra.MaximumNArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			switch two := len(args) == 2; {
			case two && (len(t.sets) > 0 || t.out != ""):
				return &usageError{errors.New("--set and --out are of one run"), cmd.CommandPath()}
			case !two && page != "":
				return &usageError{errors.New("--html is of two runs"), cmd.CommandPath()}
			case two:
				return compareReports(cmd, args, page)
			}
			r, err := t.complete(args)
			if err != nil {
				return err
			}
			return r.Report(cmd.OutOrStdout())
		},
	}
	t.flags(cmd)
	cmd.Flags().StringVar(&page, "html", "", "file for the comparison of two runs as a page")
	return cmd
}

func compareReports(cmd *cobra.Command, args []string, page string) error {
	var runs [2]pipeline.Run
	for i := range runs {
		var err error
		if runs[i], err = new(target).complete(args[i : i+1]); err != nil {
			return err
		}
	}
	return pipeline.Versus(runs[0], runs[1], page, cmd.OutOrStdout())
}

// complete is resolve of a run whose folder exists.
func (t *target) complete(args []string) (pipeline.Run, error) {
	r, err := t.resolve(args)
	if err != nil {
		return r, err
	}
	if _, err := os.Stat(r.Dir); err != nil {
		return r, &pipeline.InputError{Err: err}
	}
	return r, nil
}
