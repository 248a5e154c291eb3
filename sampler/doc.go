// Package sampler draws responses from a policy.
//
//	prompts + policy -> samples
//
// Every draw is a pure function of (seed, prompt ids, sample number, token
// position): it depends neither on the batch a prompt fell into nor on a
// restart. A prompt is computed once for all its samples.
//
// A response ends with a stop id, at the limit that was asked for, or where the
// model's window does. Logits that are not finite are an error.
package sampler
