// Package ranker scores responses and maps the scores to 1–10.
//
//	prompts + samples -> scores (raw) -> scores (1–10)
//
// A ranker renders the messages with its own template; nothing of the policy's
// tokens reaches it. The work of a prompt is shared by its responses, and a
// score does not depend on what else is in its batch.
package ranker
