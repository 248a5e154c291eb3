// Package table holds every artifact that is a table: one row type and its
// schema a file, and their encodings.
//
// An artifact is a folder of Arrow IPC streams that Hugging Face
// datasets.load_from_disk opens. Import and export also speak Parquet and
// JSONL.
//
//	prompts -> samples -> scores -> pairs -> refs
//	                         \-> report
package table
