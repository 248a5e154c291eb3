package jinja

// Limits of a template and of one render.
const (
	MaxSource = 1 << 20 // bytes of template source
	MaxDepth  = 100     // nested brackets, blocks or macro calls
	MaxChain  = 200     // operators, filters or attributes in one chain
	MaxOps    = 1 << 20 // evaluated nodes; bulk work counts one a workUnit
	MaxOutput = 4 << 20 // bytes of text, of the render or of one string
	MaxRange  = 100_000 // numbers in a range: Jinja2's own sandbox limit
)

// Work that grows with its operands is charged one operation for so many bytes
// or list items.
const (
	bytesPerOp = 256
	itemsPerOp = 8
)
