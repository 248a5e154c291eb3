// Package table holds every artifact that is a table: one row type and its
// schema a file, and their encodings.
//
// An artifact is a folder of Arrow IPC streams that Hugging Face
// datasets.load_from_disk opens. Import and export also speak Parquet and
// JSONL.
//
//	prompts -> samples -> scores -> pairs -> refs
//	                         \-> report
//
// A row is a struct whose fields carry `col` tags; [Create] and [Open] derive
// the Arrow schema from it. Reading is strict: a missing or wrongly typed
// column, a null or a file cut short is an error that names the place, while
// columns the row type does not know are left alone. Equal rows and metadata
// give equal bytes.
//
// Arrow and Parquet that others wrote is read in a process of its own
// (reader.go), by this program under another name. Bytes are checked before
// Arrow sees them all the same, because its reader trusts lengths and panics
// (stream.go, flatbuf.go, shape.go); foreign Parquet is read without it
// (parquetin.go). Neither format notices changed data: hashes of whole files are
// the caller's affair.
package table
