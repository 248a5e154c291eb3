// Package pipeline wires the stages into the loop of the paper and runs it.
//
//	             ┌──────────────────────── policy-(i) ────────────────────────┐
//	             ▼                                                            │
//	prompts ─ samples ─ raw ─ scores ─ pairs ─ refs ─ policy-(i+1) ─ trial ─ marks ─ report
//
// [Plan] is the loop on one screen. The verbs on files (generate, logprobs,
// tokenize, score, and each stage alone) and those that serve a model or talk
// with it are here too: this package alone imports the stages. A host joins
// the sampler's engine, which lives on torch's thread, to requests of many.
package pipeline
