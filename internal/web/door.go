package web

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"strings"
)

// A Door says where a server listens and to whom it opens. At most one of
// KeyEnv and KeyFile is set.
type Door struct {
	Listen  string // host:port
	KeyEnv  string // environment variable with the key that requests need; empty: none
	KeyFile string // file with that key
}

// maxKey bounds a key, in bytes.
const maxKey = 4096

// Key is what requests must have as bearer token; empty: nothing. Addresses
// that are not this machine's alone need one.
func (d Door) Key() (string, error) {
	if _, _, err := net.SplitHostPort(d.Listen); err != nil {
		return "", fmt.Errorf("--listen %s: want an address and a port, such as 127.0.0.1:8000 or [::1]:8000", d.Listen)
	}
	var text []byte
	switch {
	case d.KeyEnv != "" && d.KeyFile != "":
		return "", errors.New("--key-env and --key-file: want one of them")
	case d.KeyEnv != "":
		text = []byte(os.Getenv(d.KeyEnv))
	case d.KeyFile != "":
		f, err := os.Open(d.KeyFile)
		if err != nil {
			return "", err
		}
		defer f.Close()
		if text, err = io.ReadAll(io.LimitReader(f, maxKey+1)); err != nil {
			return "", err
		}
	case !d.Local():
		return "", fmt.Errorf("--listen %s can be reached from other machines: protect it by --key-env NAME, a variable with the key that requests must send, or --key-file FILE", d.Listen)
	default:
		return "", nil
	}
	key := strings.TrimSpace(string(text))
	switch {
	case key == "" && d.KeyEnv != "":
		return "", fmt.Errorf("the environment variable %s, which should hold the key, is not set", d.KeyEnv)
	case key == "" || len(text) > maxKey || strings.ContainsFunc(key, func(r rune) bool { return r < '!' || r > '~' }):
		return "", fmt.Errorf("%s%s does not hold a key: want one line of visible ASCII characters without blanks, at most %d", d.KeyEnv, d.KeyFile, maxKey)
	}
	return key, nil
}

// Local reports whether the address is this machine's alone.
func (d Door) Local() bool {
	host, _, err := net.SplitHostPort(d.Listen)
	return err == nil && isLocal(host)
}

// isLocal reports whether a host, with a port or without, is this machine by
// name.
func isLocal(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	a, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return host == "localhost" || err == nil && a.IsLoopback()
}

// maxConnections is how many a server holds at once; others wait to be taken.
const maxConnections = 1024

// Open listens.
func (d Door) Open() (net.Listener, error) {
	l, err := net.Listen("tcp", d.Listen)
	if err != nil {
		return nil, err
	}
	return &fewListener{l, make(chan struct{}, maxConnections)}, nil
}

// A fewListener accepts a connection when it has a place for it.
type fewListener struct {
	net.Listener
	places chan struct{}
}

// Accept implements net.Listener.
func (l *fewListener) Accept() (net.Conn, error) {
	l.places <- struct{}{}
	c, err := l.Listener.Accept()
	if err != nil {
		<-l.places
		return nil, err
	}
	return &placedConn{Conn: c, places: l.places}, nil
}
