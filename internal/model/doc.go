// Package model holds the networks, one architecture a file in its paper's
// order, and binds them to checkpoints strictly both ways: a name missing,
// unused or misshapen is an error, and all of them are reported together.
//
// To add an architecture: one file with its structs (tags are checkpoint
// names) and Forward, one row in architectures, and goldens from
// tools/golden.
package model
