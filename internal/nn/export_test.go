package nn

// EagerUnder is eager attention under another limit, for the tests.
var EagerUnder = (*Attention).eagerUnder
