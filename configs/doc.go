// Package configs says what a run is, as data: every key, its default and its
// unit. It reads YAML strictly and reports all faults of a file at once, each
// with its line, column and the nearest valid key.
package configs
