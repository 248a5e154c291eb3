// Package progress shows where a run is: which stage of how many, how far in
// the stage, its rate, and when stage and run will end.
//
// On a terminal that is one bar, redrawn in place; otherwise, or when CI is
// set, plain lines every few seconds. A [Display] and a [Bar] may be nil, which
// shows nothing: code that works need not know whether anyone watches.
//
// The time left of the run is the time left of the stage plus, for each stage
// to come, the time its kind took last (names equal but for a trailing number,
// as samples-1 and samples-2), or the mean of the stages so far for a kind not
// seen yet. Before the first stage ends there is no such figure.
package progress
