package table

import "iter"

// aheadRows is how many rows Ahead hands over at once.
const aheadRows = 64

// Ahead reads rows in a goroutine of its own while those before them are used.
// A few hundred are in memory; the goroutine ends before the walk does.
func Ahead[R any](rows iter.Seq2[R, error]) iter.Seq2[R, error] {
	type batch struct {
		rows []R
		errs []error // of the rows, nil for none
	}
	return func(yield func(R, error) bool) {
		full, stop := make(chan batch, 4), make(chan struct{})
		go func() {
			defer close(full)
			var b batch
			send := func() bool {
				select {
				case full <- b:
					b = batch{make([]R, 0, aheadRows), make([]error, 0, aheadRows)}
					return true
				case <-stop:
					return false
				}
			}
			for r, err := range rows {
				b.rows, b.errs = append(b.rows, r), append(b.errs, err)
				if len(b.rows) == aheadRows && !send() {
					return
				}
			}
			send()
		}()
		defer func() {
			close(stop)
			for range full { // until the goroutine is done with its files
			}
		}()
		for b := range full {
			for i, r := range b.rows {
				if !yield(r, b.errs[i]) {
					return
				}
			}
		}
	}
}
