package main

import (
	"context"

	"github.com/spf13/cobra"

	"radpo/pipeline"
)

// together is what the help of verbs that train says of several processes.
const together = `

Several processes share each step of training where torchrun --no-python, srun or
mpirun starts them, or RANK, WORLD_SIZE, MASTER_ADDR and MASTER_PORT are set. All
read the same folders; the first one alone writes, and does what is not training.
When one dies or falls silent, the others say which and end within half a minute; a
checkpoint goes on with any number of them. With dpo.shard each keeps a share alone of
moments (optimizer), of gradients too, or of weights too (parameters).`

func trainVerb() *cobra.Command {
	var a alone
	var pairs, reference, refs string
	cmd := &cobra.Command{
		Use:   "train --model DIR --pairs FILE --out DIR",
		Short: "Train on pairs: a model folder with metrics.jsonl",
		Long: `Trains the model on pairs and writes a model folder that transformers loads, with
metrics.jsonl, one object a step under TRL's names; grad_norm is before clipping.
The same numbers lie beside it as events for tensorboard --logdir, and both grow as
steps end; docs/training.md lists them, and what the training is warned of.
Settings are those under dpo., with seed, dtype (default: the folder's own) and
device. dpo.loss names one of the losses of docs/losses.md, or a sum such as
sigmoid+sft; each reads keys of its own and has its own defaults. The reference is
the model itself unless named. dpo.order=given keeps the file's order. Some losses
read reward_chosen and reward_rejected of the rows.

Pairs are a pairs table of ours, or JSONL, Parquet or Arrow rows of

  {prompt_ids, chosen_ids, rejected_ids}   token ids, which need no tokenizer
  {prompt, chosen, rejected}               TRL's columns

Prompt and response are tokenised apart. Of message lists, ids are what the chat
template renders: the prompt up to where the assistant's turn begins, and for a
response what the template puts behind it, end of turn included; a prompt longer
than dpo.max_prompt_length loses the middle of its last user turn. Of plain texts
the prompt has the special tokens that the tokenizer adds (BOS), and a response
is its text and the tokenizer's eos_token; no template is used. The first row
says which of the two a file is.

A response that does not fit dpo.max_length behind its prompt loses its tail. Rows
that cannot teach are dropped and counted by cause in rows.json: an empty response,
two equal ones, a prompt that alone fills dpo.max_length.

A step whose loss or gradient is not finite ends the training, or is left out with
dpo.non_finite=skip, at most dpo.max_skipped times. Its pairs and the weights that met them are kept in OUT.work
until the training is done, and the log has the command that repeats it, radpo replay.

--model may be a LoRA adapter that PEFT saved, or have one as --adapter: training
starts from the merged model. So may --reference: with dpo.lora.rank, the reference is the
model that training starts from (its adapter off), unless named.` + together + resuming,
		Example: "  radpo train --model DIR --pairs pairs.jsonl --out policy --set dpo.beta=0.1 --set dpo.learning_rate=1e-6",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			stage, err := a.settings()
			if err != nil {
				return err
			}
			return pipeline.Together(cmd.Context(), func(ctx context.Context) error { return stage.Train(ctx, pairs, reference, refs) })
		},
	}
	a.adapter(cmd)
	a.model(cmd, "policy folder to start from, or name in the Hugging Face cache (required)")
	cmd.Flags().StringVar(&pairs, "pairs", "", "pairs table, JSONL, Parquet or Arrow file (required)")
	cmd.Flags().StringVar(&reference, "reference", "", "reference policy folder (default: --model)")
	cmd.Flags().StringVar(&refs, "refs", "", "table of the reference's log-probabilities, in place of --reference")
	a.flags(cmd, "model", "pairs")
	return cmd
}
