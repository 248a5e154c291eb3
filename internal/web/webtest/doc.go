// Package webtest asks servers in tests. Only tests import it.
package webtest
