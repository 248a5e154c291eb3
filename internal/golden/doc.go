// Package golden opens reference tensors, written by tools/golden, in tests
// and compares with them. Only tests import it.
//
// A comparison is one number, MaxRel: the largest error over the largest
// magnitude wanted. It is held to a tolerance for the arithmetic at hand:
//
//	F32    float32, one forward or backward pass
//	Steps  float32, after some optimiser steps
//	BF16   bfloat16, whose last place is 2^-8 and whose order of sums is free
package golden
