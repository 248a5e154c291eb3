// Package model holds the networks, one architecture a file in its paper's
// order, and binds them to checkpoints strictly both ways: a name missing,
// unused or misshapen is an error, and all of them are reported together.
//
// To add an architecture: one file with its blocks (tags are checkpoint names),
// one row in decoders, and goldens from tools/golden. Every head, be it a
// policy's or a reward model's, then sits on it.
package model
