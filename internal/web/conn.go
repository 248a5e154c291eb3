package web

import (
	"net"
	"sync"
)

// A placedConn gives its place back when it closes.
type placedConn struct {
	net.Conn
	once   sync.Once
	places <-chan struct{}
}

// Close implements net.Conn.
func (c *placedConn) Close() error {
	c.once.Do(func() { <-c.places })
	return c.Conn.Close()
}
