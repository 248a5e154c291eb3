// Command radpo aligns a language model on its own answers: it samples, ranks
// them, builds goal-conditioned pairs, trains DPO on these, evaluates, and
// repeats. `radpo help` lists the verbs; each is a file here.
//
// stdout is results, stderr is the log and the progress. The exit status is 0
// when done, 1 when something failed, 2 for a fault in command line,
// configuration or input, and 75 when interrupted: the same command continues.
package main
