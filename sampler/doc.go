// Package sampler draws responses from a policy.
//
//	prompts + policy -> samples
//
// Every draw is a pure function of (seed, prompt ids, sample number, token
// position): it depends neither on the batch a prompt fell into nor on a
// restart. On the CPU in fp32 logits are the same to the last bit too, in any
// batch and with any number of threads, and so are tokens; elsewhere logits
// differ in the last bits between batches.
//
//	Submit ─▶ schedule ─▶ plan of a step ─▶ computer ─▶ draws ─▶ sinks
//	           │ who has rows and blocks     │ native: one call into C++
//	           └ blocks of 16 tokens         └ eager: any device and dtype
//
// An [Engine] takes requests at any time. A prompt is computed once for all its
// samples and its cache is shared; a response that ends is replaced in the next
// step; where the cache is full, requests wait, and the last to enter may be
// turned out and feeds its tokens again later.
//
// A response ends with a stop id, at the limit that was asked for, or where the
// model's window does. Logits that are not finite are an error.
package sampler
