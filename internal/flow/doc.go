// Package flow runs a plan of stages and keeps what they make.
//
// A [Stage] is a value: a kind, a version, a config section and the names of
// what it reads. Its [Fingerprint] hashes those and the fingerprints of its
// inputs, so it names the output before the output exists: equal means
// interchangeable. A [Store] is the run folder that holds the outputs, the
// artifacts, and runs only the stages whose artifact it lacks.
//
//	plan ([]Stage) -> fingerprints -> Store.Run -> artifacts
//
//	<run>/lock                        flock, and who holds it
//	<run>/manifest.jsonl              one checksummed record an artifact
//	<run>/sources.jsonl               hashes of external files, by size, time and inode
//	<run>/artifacts/<stage>-<fp8>/    whole or absent, never changed
//	<run>/work/<fp>/out.tmp/          the artifact being written
//	<run>/work/<fp>/parts/<part>/     committed parts of a long stage
//	<run>/work/<fp>/parts.jsonl       one checksummed record a part
//
// # Commit
//
// An artifact or a part is written aside, each file hashed and synced, each
// folder synced, renamed to its place, the place synced, and only then named by
// a record that is appended and synced. Readers trust a folder only through its
// record. A kill or a power cut between any two of these steps leaves either
// the old state or the new one; the next run removes what is left over.
//
// # Caveats
//
// The store trusts sizes when it reuses an artifact; [Store.Verify] hashes. A
// record whose folder is gone counts as no artifact, so deleting a folder is
// the way to have it made again. Work of a plan that was given up stays until
// its folder under work is deleted.
package flow
