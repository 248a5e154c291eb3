package hub

import "time"

// Hurry shortens the waits.
func (h *Hub) Hurry() { h.wait, h.stall = time.Millisecond, 200*time.Millisecond }
