// Package hub downloads models into the shared Hugging Face cache, from where
// [radpo/internal/hf.Open] and Python's huggingface_hub read them.
//
//	/api/models/NAME/revision/REV -> commit, files -> each: HEAD (hash, size) -> GET, ranges -> check -> blobs/HASH
//	snapshots/COMMIT/FILE -> ../../blobs/HASH      refs/REV = COMMIT, written last
//
// What the server says is not trusted: only plain names that radpo reads are
// taken, and a file counts once its hash is right. The token goes to the
// endpoint's origin alone, never to the hosts it redirects to, and shows nowhere.
package hub
