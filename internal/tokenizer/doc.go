// Package tokenizer turns text into token ids and back, exactly as Hugging
// Face's tokenizers does for a model's tokenizer.json.
//
// Three families are covered: byte-level BPE (Llama 3, Qwen2, GPT-2),
// SentencePiece-style BPE with byte fallback (Mistral, Gemma 2) and Unigram
// (DeBERTa v3). Whatever else a file asks for is an error that names it.
//
//	text ─ repair ─ cut added tokens ─ normalize ─ cut again ─ split words ─ model ─ ids
//	ids ─ pieces ─ join, mend broken UTF-8 ─ text
//
// Text is UTF-8; an ill-formed part becomes U+FFFD before anything else, once
// for each maximal subpart, as Python decodes it for the reference.
//
// A [Tokenizer] is immutable and safe for concurrent use. Words already met
// are looked up in bounded caches that callers borrow, one a goroutine.
// [Tokenizer.Sugarme] gives the same pipeline behind sugarme/tokenizer's
// interfaces, with offsets, at about 1 MB/s.
package tokenizer
