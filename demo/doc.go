// Package demo is the small world of the built-in run: 27 animals, cities and
// foods with four facts each, 2160 prompts about them, and an exact rule that
// marks any answer on the five attributes of the paper. Everything that a real
// run would take from a data set and from human judgement is here a closed
// formula, so what the loop does can be checked rather than believed.
//
//	Request ──String──> prompt text ──the policy──> answer text
//	   │                                                │
//	   └──Write(levels)──> []Sentence ──Text──> answer  │ Parse
//	                            └───────Score──> Marks <┘
//
// A [Request] is what a prompt asks for, a [Sentence] what an answer says. Both
// directions are exact: every prompt and every written answer is read back as
// the value it was made from, and text outside the grammar is a sentence that
// does not parse, never an error.
//
// [Stage] turns the same generator into the supervised examples from which the
// shipped policy learnt to speak, and [Corrupt] breaks answers in the ways a
// policy under training does. The program in demo/make trains the shipped
// models from both; the built-in run itself needs only the prompts and the rule.
package demo
