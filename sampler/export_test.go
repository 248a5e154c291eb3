package sampler

// End ends one sample of a request, as a stop id would.
func (t *Ticket) End(sample int) { t.sequences[sample].over = true }
