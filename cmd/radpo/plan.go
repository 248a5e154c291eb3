package main

import (
	"os"

	"github.com/spf13/cobra"
)

func planVerb() *cobra.Command {
	var t target
	var why bool
	cmd := &cobra.Command{
		Use:   "plan [CONFIG | RUN-FOLDER]",
		Short: "Print what run would do and why, with predicted memory and disk",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			r, err := t.resolve(args)
			if err != nil {
				return err
			}
			if _, err := os.Stat(r.Dir); os.IsNotExist(err) { // looking must not leave a folder
				if r.Dir, err = os.MkdirTemp("", "radpo-plan-"); err != nil {
					return err
				}
				defer os.RemoveAll(r.Dir)
			}
			return r.Explain(cmd.OutOrStdout(), why)
		},
	}
	t.flags(cmd)
	cmd.Flags().BoolVar(&why, "why", false, "print reasons in full, not cut to the line")
	return cmd
}
