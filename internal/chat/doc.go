// Package chat turns conversations into the text and the token ids that a
// model was trained on, and puts the goal prompt into them.
//
//	messages --WithGoal--> messages --Render--> text
//	                                \--Encode--> ids
//
// A Template is the model's own: Load reads it from a Hugging Face folder and
// package jinja renders it as transformers does. A Goal words the reward that
// the response shall reach; WithGoal places it where the template has room.
//
// Encode gives exactly one token for the beginning of the text, and unless
// told otherwise keeps special tokens that stand inside a message as plain
// text: a prompt cannot end its own turn. Truncate cuts the user's text only.
package chat
