package main

import (
	"github.com/spf13/cobra"

	"radpo/pipeline"
)

// claims is the end of the help of the paper's experiments.
const claims = `

Prints a page in Markdown and writes it to the folder OUT as NAME.md and
NAME.html, with the result in NAME.json and its items in NAME.jsonl, as radpo
eval compare reads them. Each claim is decided by its number. One that should
hold and does not ends with status 1; where a small task disagrees with what the
paper says of large models, the page says so.`

// A paged verb shows one of the paper's experiments.
type paged struct {
	out    string
	asJSON bool
}

func (p *paged) flags(cmd *cobra.Command) {
	cmd.Flags().StringVarP(&p.out, "out", "o", pipeline.StudyFolder, "folder for the page, its result and, where it trains, the runs")
	cmd.Flags().BoolVar(&p.asJSON, "json", false, "print the result as JSON in place of the page")
}

// show writes a finding and ends with its verdict.
func (p *paged) show(cmd *cobra.Command, f pipeline.Finding, err error) error {
	if err != nil {
		return err
	}
	return f.Show(p.out, p.asJSON, cmd.OutOrStdout())
}

func banditVerb() *cobra.Command {
	var p paged
	cmd := &cobra.Command{
		Use:   "bandit",
		Short: "The paper's Table 2: policies over known rewards against their closed forms",
		Long: `Trains tables of logits by gradient descent on the loss rows that train models:
the paper's two tasks, plain and at every goal, DPO with and without smoothing,
on sampled preferences, and IPO, from a uniform and another reference; and
follows how unlearning goes on with time. Every probability is held to the closed
form of its optimum, to 1e-5. Takes seconds.` + claims,
		Example: "  radpo eval bandit",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			f, err := pipeline.Bandit(cmd.Context())
			return p.show(cmd, f, err)
		},
	}
	p.flags(cmd)
	return cmd
}
