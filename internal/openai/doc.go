// Package openai offers a policy by OpenAI's API, as vLLM extends it.
//
//	POST /v1/chat/completions, /v1/completions ─ request ─ Generation ─▶ Engine
//	                                                                      │ tokens
//	      JSON, or server-sent events ◀─ choice: text, stops, log-probs ◀─┘
//
// The [Engine] knows tokens alone; what turns them into text, and text into
// tokens, is here. A prompt may come as ids and leave as ids. `goal` in the body
// of a chat asks a conditioned policy for a score.
//
// Log-probabilities are the model's own at temperature 1, in nats, whatever
// settings a token was drawn with.
package openai
