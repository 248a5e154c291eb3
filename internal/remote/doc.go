// Package remote asks servers over HTTP: JSON posted, JSON back. What radpo has
// others compute goes through a [Client].
//
//	request -> cache? -> a server that is up -> try, wait, try again -> check -> cache -> answer
//
// An answer that passed its check is kept on disk under the hash of what was
// asked, so that work which is interrupted asks nothing twice; a failure is
// never kept. A key is read from the environment, goes to the servers that the
// client was made with and nowhere else, and is in no error, log or file.
package remote
