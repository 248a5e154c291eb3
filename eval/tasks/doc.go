// Package tasks has academic benchmarks as lm-evaluation-harness 0.4.13 asks and
// marks them: ARC, TruthfulQA mc2, GSM8K, GPQA, MuSR and BBH. The files are the
// user's, with the columns of the published data sets.
//
//	file ── Task.Read ──▶ Set of Items ── Context, Messages ──▶ prompts ── a model ──▶ log-likelihoods ── Rank ─▶ values
//	                                                                             └───▶ texts           ── Mark ─▶ values
//
// A model ranks the choices of an item by the log-likelihood of each behind the
// item's context, or generates an answer out of which a number is read. This
// package makes the texts and marks what came back; it knows no model.
package tasks
