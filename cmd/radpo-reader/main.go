// Radpo-reader reads Arrow and Parquet files for radpo, which starts it where it
// lies beside radpo, and itself where not: the same code without libtorch, which
// takes a quarter of a second to load and 90 MB.
package main

import (
	"fmt"
	"os"

	_ "radpo/internal/table" // whose init is all there is to do
)

func main() {
	fmt.Fprintln(os.Stderr, "radpo-reader: radpo starts this program to read files; there is nothing to do with it by hand")
	os.Exit(2)
}
