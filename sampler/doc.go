// Package sampler draws responses from a policy.
//
//	prompts + policy -> samples
//
// Every draw is a pure function of (seed, prompt ids, sample number, token
// position): it depends neither on the batch a prompt fell into nor on a
// restart. A prompt is computed once for all its samples.
package sampler
