package sampler

import "cmp"

// block is how many tokens a block of the cache holds on the CPU: the keys that
// attention takes at a time.
const block = 16

// blocks hands out the cache's blocks, the last returned first, so that
// memory that was never needed is never touched.
type blocks struct {
	free  []int32 // returned ones
	fresh int     // from here on none was handed out
	total int
	size  int // tokens a block; 0: block
}

// each is how many tokens a block holds.
func (b *blocks) each() int { return cmp.Or(b.size, block) }

// need is how many blocks n tokens need.
func (b *blocks) need(n int) int { return (n + b.each() - 1) / b.each() }

// left is how many blocks are free.
func (b *blocks) left() int { return len(b.free) + b.total - b.fresh }

// extend grows list to n blocks; it fails without a change when too few are left.
func (b *blocks) extend(list []int32, n int) ([]int32, bool) {
	if n-len(list) > b.left() {
		return list, false
	}
	for len(list) < n {
		if last := len(b.free) - 1; last >= 0 {
			list, b.free = append(list, b.free[last]), b.free[:last]
			continue
		}
		list = append(list, int32(b.fresh))
		b.fresh++
	}
	return list, true
}

// release takes back all of list.
func (b *blocks) release(list []int32) []int32 {
	b.free = append(b.free, list...)
	return list[:0]
}
