package jinja

// Limits of a template and of one render.
const (
	MaxSource = 256 << 10 // bytes of template source; real ones stay below 50 kB
	MaxDepth  = 100       // nested brackets, blocks or macro calls
	MaxChain  = 200       // operators, filters or attributes in one chain
	MaxOps    = 1 << 20   // evaluated nodes; bulk work counts as said below
	MaxOutput = 4 << 20   // bytes of text, of the render or of one string
	MaxRange  = 100_000   // numbers in a range: Jinja2's own sandbox limit
	maxRepr   = 1 << 20   // bytes of a printed list or mapping
	maxKey    = 1 << 10   // bytes of a tuple that is a key
	maxField  = 1000      // width or precision of a formatted field
)

// Work that grows with its operands counts one operation for so many bytes or
// list items, such that an operation takes some 100 ns at most.
const (
	copyBytes = 128 // copied
	scanBytes = 64  // searched
	charBytes = 4   // treated character by character
	copyItems = 2   // copied
	makeItems = 1   // made
)
