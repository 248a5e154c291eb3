// Package dpo trains a policy on preference pairs.
//
//	policy + pairs -> refs            (log-probabilities of the reference, once)
//	policy + pairs + refs -> policy
//
// A row's chosen and rejected response share their prompt's work. Losses are
// rows in a table of pure functions of sums over responses, each with what it
// looks at; nothing else is computed. The weights that the optimizer moves are
// fp32 whatever the model computes in, and gradients are summed in fp32 over
// the micro-batches of a step, divided by the step's pairs, or its tokens where
// a loss says so: the split into micro-batches does not show in the result.
package dpo
