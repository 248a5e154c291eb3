// Package web is the frame of our HTTP servers: who may ask, how much, how long,
// and what the server tells of itself.
//
//	listener ─ at most so many connections ─ key and host ─ body ─ place ─ Handler ─ JSON
//	                                                                          └ events
//
// A [Frame] has the routes of one server, /health and /metrics among them. A
// request that does not fit is answered in the form of OpenAI's API: [Error]. A
// handler that panics costs its own request and nothing else.
//
// A [Door] says where to listen. Addresses that other machines can reach want a
// key; a server without one answers only requests that name this machine, so
// that a page in its user's browser cannot reach it by a name of its own.
package web
