package dpo

import "math"

// learningRate is the rate of step i of total, counted from 0: up from 0 over
// the warm-up's steps, then by schedule, as transformers' schedulers do.
// Constant is their constant_with_warmup.
func learningRate(schedule string, peak, warmup float64, i, total int) float64 {
	up := int(math.Ceil(warmup * float64(total)))
	if i < up {
		return peak * float64(i) / float64(up)
	}
	done := float64(i-up) / float64(max(1, total-up))
	switch schedule {
	case "cosine":
		return peak * max(0, 0.5*(1+math.Cos(math.Pi*done)))
	case "linear":
		return peak * max(0, 1-done)
	}
	return peak // constant
}
