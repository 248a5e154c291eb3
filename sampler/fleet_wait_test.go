package sampler

import "time"

func init() { firstWait = time.Millisecond }
