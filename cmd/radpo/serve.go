package main

import (
	"errors"

	"github.com/spf13/cobra"

	"radpo/internal/web"
	"radpo/pipeline"
)

func serveVerb() *cobra.Command {
	var m pipeline.Model
	var d web.Door
	var o pipeline.Offer
	var reward string
	cmd := &cobra.Command{
		Use:   "serve DIR | --reward DIR",
		Short: "Offer a policy by OpenAI's API, or a reward model, over HTTP",
		Long: `Serves a policy, or the newest of a run folder, by OpenAI's API as vLLM extends
it, until it is interrupted; requests under way are finished.

  POST /v1/chat/completions  messages -> the assistant's turn
  POST /v1/completions       prompt: text, texts, ids or lists of ids; echo, logprobs
  POST /tokenize, /detokenize
  GET  /v1/models, /tokenizer_info, /health, /metrics

goal in a chat's body asks a conditioned policy for a score: 10, [8,9] or
{"helpfulness": 9, …}; --goal does for requests without one. It is worded as in
the run that the policy is of, else as --set augment.prompt=…, decimals and
attributes say. Seeds, stops, n, streams, log-probabilities and token ids in and
out are as in vLLM; see docs/serve.md.

With --reward, a reward model is served:

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
are rated together. Errors are {error: {message, type, param, code}}.

Only this machine is answered by default. For others, --listen and --key-env: the
key is read from that environment variable, or from --key-file, and must come with
each request as Authorization: Bearer. Prompts are not logged.`,
		Example: "  radpo serve runs/demo --goal 10\n  radpo serve DIR --listen 0.0.0.0:8000 --key-env SERVE_KEY\n  radpo serve --reward RLHFlow/ArmoRM-Llama3-8B-v0.1",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if (reward == "") == (len(args) == 0) {
				return &usageError{errors.New("want one of DIR, a policy, and --reward DIR"), cmd.CommandPath()}
			}
			if reward == "" {
				m.Dir = args[0]
				return pipeline.ServePolicy(cmd.Context(), m, o, d)
			}
			c, err := pipeline.Settings("", o.Sets)
			if err != nil {
				return err
			}
			m.Dir = reward
			return pipeline.ServeReward(cmd.Context(), m, c.Ranker, d)
		},
	}
	cmd.Flags().StringVar(&reward, "reward", "", "reward model folder, or name in the Hugging Face cache")
	cmd.Flags().StringVar(&d.Listen, "listen", "127.0.0.1:8000", "address and port; port 0 takes a free one, which the log names")
	cmd.Flags().StringVar(&d.KeyEnv, "key-env", "", "environment variable with the key that requests need")
	cmd.Flags().StringVar(&d.KeyFile, "key-file", "", "file with that key")
	cmd.Flags().StringVar(&o.Name, "name", "", "of the policy in requests and answers (default: its folder's)")
	cmd.Flags().StringVar(&o.Goal, "goal", "", "score that chats without a goal ask for, or one an attribute as 8,9")
	cmd.Flags().StringVar(&m.DType, "dtype", "", "float32 or bfloat16 (default: the folder's own, else float32)")
	cmd.Flags().StringVar(&m.Device, "device", "auto", "auto, cpu or cuda")
	cmd.Flags().StringArrayVar(&o.Sets, "set", nil, "override a key, as augment.prompt=released-code or ranker.batch_tokens=32768; may repeat")
	return cmd
}
