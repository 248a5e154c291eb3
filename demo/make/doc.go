// Command make makes the two models of the built-in run from nothing: the
// tokenizer, a small Llama that knows the world of package demo but answers
// badly, and a reward model in ArmoRM's layout that marks its answers.
//
//	go run ./demo/make [-out demo/models] [-seed 1]
//
// The policy learns in four stages (demo.StageLearn and those after it), the
// reward model starts from the policy's second. Its heads and its gate learn
// together, not in the two stages of ArmoRM's authors. The policy has been
// taught to read goals and then to ignore them, so its dial is nearly flat
// before the loop, and not flat. All examples come from the
// generator and all marks from the rule; equal seeds give equal models on one
// machine. `make demo-models` runs it under tools/libtorch.
package main
