package main

import (
	"errors"
	"fmt"
)

// asking is the part of a verb's help that tells of rankers elsewhere.
const asking = `

--kind remote asks servers of reward models, by settings under ranker.remote:
urls, protocol (openrlhf, vllm-classify, vllm-pooling, vllm-score, sglang, tei),
form (template: by that of the folder named as the model; messages; plain),
model, key_env (environment variable with the key), concurrency, timeout, cache.
--kind judge asks a language model through any API like OpenAI's, by these and by
ranker.judge: method (score, 1 to 10; weighted by log-probabilities, 1 to 9;
pairwise, the share of games won in both orders), prompt (a file with {question}
and {answer}, or {answer_a} and {answer_b}), temperature, max_tokens.`

var errRule = errors.New("--kind rule: the rule knows the prompts of the built-in world alone; use radpo rank")

// rankedBy is what --kind and the folder of a reward model stand for: overrides
// that name a ranker which asks servers, or none.
func rankedBy(kind, model string) (sets []string, err error) {
	switch {
	case kind == "" && model == "":
		return nil, errors.New("want a reward model's folder")
	case kind == "rule" && model != "":
		return nil, errors.New("--kind rule reads no model")
	case kind == "" || kind == "rule":
		return nil, nil
	case kind != "remote" && kind != "judge":
		return nil, fmt.Errorf("--kind %q: want rule, remote or judge; other rankers are named by their folder", kind)
	case model == "":
		return []string{"ranker.kind=" + kind}, nil
	}
	return []string{"ranker.kind=" + kind, "ranker.model=" + model}, nil
}
