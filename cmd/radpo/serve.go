package main

import (
	"github.com/spf13/cobra"

	"radpo/internal/web"
	"radpo/pipeline"
)

func serveVerb() *cobra.Command {
	var m pipeline.Model
	var d web.Door
	var sets []string
	cmd := &cobra.Command{
		Use:   "serve --reward DIR",
		Short: "Offer a reward model over HTTP, as OpenRLHF, vLLM, SGLang and TEI do",
		Long: `Serves a reward model until it is interrupted; requests under way are finished.

  POST /get_reward  OpenRLHF: {query: [texts]} -> {rewards, scores, extra_logs: {attribute: []}}
  POST /classify    vLLM: {input: text | [texts]} or {messages} -> {data: [{probs}]}
                    SGLang: {text: [texts]} -> [{embedding}]
  POST /pooling     vLLM: as /classify -> {data: [{data}]}
  POST /score       vLLM: {text_1: prompt, text_2: [responses]} -> {data: [{score}]}
  POST /predict     TEI: {inputs: [[text], …] or [[prompt, response], …]} -> [[{score}]]
  POST /rank        {prompt | messages, candidates} -> {scores, ranks, matrix, attributes}
  GET  /v1/models, /health, /metrics

Texts are whole conversations by the model's own chat template. A model that
compares responses, as PairRM, answers /rank, /score and /predict with pairs.
Scores are raw: no sigmoid, unless use_activation asks for it. Waiting requests
are rated together. Errors are {error: {message, type, code}}.

Only this machine is answered by default. For others, --listen and --key-env: the
key is read from that environment variable, or from --key-file, and must come with
each request as Authorization: Bearer. Prompts are not logged.`,
		Example: "  radpo serve --reward RLHFlow/ArmoRM-Llama3-8B-v0.1\n  radpo serve --reward DIR --listen 0.0.0.0:8000 --key-env REWARD_KEY",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := pipeline.Settings("", sets)
			if err != nil {
				return err
			}
			return pipeline.ServeReward(cmd.Context(), m, c.Ranker, d)
		},
	}
	cmd.Flags().StringVar(&m.Dir, "reward", "", "reward model folder, or name in the Hugging Face cache (required)")
	cmd.Flags().StringVar(&d.Listen, "listen", "127.0.0.1:8000", "address and port; port 0 takes a free one, which the log names")
	cmd.Flags().StringVar(&d.KeyEnv, "key-env", "", "environment variable with the key that requests need")
	cmd.Flags().StringVar(&d.KeyFile, "key-file", "", "file with that key")
	cmd.Flags().StringVar(&m.DType, "dtype", "", "float32 or bfloat16 (default: the folder's own, else float32)")
	cmd.Flags().StringVar(&m.Device, "device", "auto", "auto, cpu or cuda")
	cmd.Flags().StringArrayVar(&sets, "set", nil, "override a key under ranker., as ranker.batch_tokens=32768; may repeat")
	if err := cmd.MarkFlagRequired("reward"); err != nil {
		panic(err) // a slip in the lines above
	}
	return cmd
}
