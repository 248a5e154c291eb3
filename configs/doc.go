// Package configs says what a run is, as data: every key, its default and its
// unit. It reads YAML strictly and reports all faults of a file at once, each
// with its line, column and the nearest valid key.
//
//	Default() -> file -> key=value overrides -> Validate
//
// One reflection walk over [Config] ([Schema]) is what the loader, the
// overrides and the suggestions share, so a key is declared in one place: its
// struct field. The JSON form of a loaded Config is deterministic and serves
// as fingerprint.
package configs
