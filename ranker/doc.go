// Package ranker scores responses and maps the scores to 1–10.
//
//	prompts + samples -> scores (raw) -> scores (1–10)
//
// A ranker renders the messages with its own template; nothing of the policy's
// tokens reaches it. The work of a prompt is shared by its responses, and a
// score does not depend on what else is in its batch. A conversation that is
// longer than the model's window loses the response's end, and before that the
// middle of a prompt which fills more than half of the window.
//
// Two rankers read no template: a classifier on DeBERTa takes the last user turn
// and a response as a pair of texts, and PairRM a prompt with two responses. It
// compares every pair in both orders, so that its scores add up to zero over a
// prompt's responses and order these alone.
//
// Rankers elsewhere are asked over HTTP: a reward model by a [protocol] of its
// server, or a language model as [judge]. A [Server] is the other side: it has
// others rate by a model that is here.
package ranker
