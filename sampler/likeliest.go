package sampler

import "slices"

// likeliest appends the ids of the k largest probabilities to dst, largest
// first and equal ones by id. When k is all of them, it stops early: the tail
// that cannot matter to topP of total is left out before sorting.
func likeliest(dst []int32, probs []float32, k int, topP, total float64) []int32 {
	floor := float32(0)
	if k == len(probs) {
		floor = float32((1 - topP) * total / float64(len(probs))) // tokens below it hold less than 1−topP together
	}
	for i, p := range probs {
		if p >= floor {
			dst = append(dst, int32(i))
		}
	}
	slices.SortFunc(dst, func(a, b int32) int {
		switch {
		case probs[a] > probs[b]:
			return -1
		case probs[a] < probs[b]:
			return 1
		}
		return int(a - b)
	})
	return dst[:min(k, len(dst))]
}
