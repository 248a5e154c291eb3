package main

import (
	"os"

	"radpo/internal/torch"
)

func main() {
	torch.SleepWhileWaiting()
	os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}
