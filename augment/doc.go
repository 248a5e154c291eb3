// Package augment turns scored responses into training rows: it picks a better
// and a worse response of each prompt and conditions the pair on the scores
// they reached (paper, section 4).
//
//	samples + scores -> [choose] -> pairs -> [variants] -> rows
//
// With r the score of a response, a pair (better, worse) becomes
//
//	none      better over worse
//	ra-plus   better over worse, goal r(better)
//	ra        better over worse, goal r(better)  and
//	          worse over better, goal r(worse)
//	half-ra   as ra, of the first half of the prompts
//	ira       as ra, r being the reward that a first run of DPO implies: see [Relabel]
//
// With attributes, the goal is the list of the response's levels, while the
// order still follows the overall score.
//
// Pairs of a prompt are chosen by augment.pair; the other keys of that section
// say what is kept of ties, identical and cut responses. docs/augment.md lists
// them, and where the paper and its released code differ.
//
// Of responses that tie for best or worst the first counts. One without a finite
// score stands in no pair.
//
// A pair that cannot teach is dropped and counted by its cause: see [Counts].
package augment
