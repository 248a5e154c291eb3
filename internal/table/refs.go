package table

// A Ref holds summed log-probabilities of a pair's responses under a policy
// that does not train, in the order of the pairs table.
type Ref struct {
	PairID         string  `col:"pair_id"`
	Chosen         float32 `col:"ref_chosen"` // nats, summed over response tokens in fp32
	Rejected       float32 `col:"ref_rejected"`
	ChosenTokens   int32   `col:"chosen_tokens"`
	RejectedTokens int32   `col:"rejected_tokens"`

	// Of the responses of another row behind this row's prompt; 0 unless asked for.
	UnrelatedChosen   float32 `col:"unrelated_chosen"`
	UnrelatedRejected float32 `col:"unrelated_rejected"`
}
