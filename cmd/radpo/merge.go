package main

import "github.com/spf13/cobra"

func mergeVerb() *cobra.Command {
	var a alone
	cmd := &cobra.Command{
		Use:   "merge --model DIR [--adapter DIR] --out DIR",
		Short: "Work a LoRA adapter into its model, as PEFT's merge_and_unload",
		Long: `Writes a model folder whose weights have the change of an adapter that PEFT, or
radpo train, saved. --model is the adapter, whose adapter_config.json names its
model, or the model, with the adapter as --adapter. The change is worked in in fp32
and rounded once to the model's dtype.

LoRA is supported, with rsLoRA, rank_pattern and alpha_pattern. What would compute
otherwise (DoRA, modules_to_save, bias, other kinds) is refused by its key.

All verbs that read a policy take an adapter in these two ways too; a training on
one starts from the merged model.` + resuming,
		Example: "  radpo merge --model adapter --out merged\n  radpo merge --model meta-llama/Meta-Llama-3-8B-Instruct --adapter policy/adapter --out merged",
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return a.Merge(cmd.Context()) },
	}
	a.model(cmd, "adapter, or model folder or name in the Hugging Face cache (required)")
	a.adapter(cmd)
	cmd.Flags().StringVarP(&a.Out, "out", "o", "", "new folder for the result (required)")
	require(cmd, "model", "out")
	return cmd
}
