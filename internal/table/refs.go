package table

// A Ref holds summed log-probabilities of a pair's responses under a policy
// that does not train, in the order of the pairs table.
type Ref struct {
	PairID         string  `col:"pair_id"`
	Chosen         float32 `col:"ref_chosen"` // nats, summed over response tokens in fp32
	Rejected       float32 `col:"ref_rejected"`
	ChosenTokens   int32   `col:"chosen_tokens"`
	RejectedTokens int32   `col:"rejected_tokens"`
}
