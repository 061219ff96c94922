package console

import (
	"net/http"
	"strconv"

	"github.com/langnghe/langnghe/gateway/routing"
)

// form is one change that an officer sent.
type form struct {
	viewer  routing.Viewer
	number  string
	version int64 // of the case that the officer saw; 0 where the form did not say
	chosen  string
	note    string
}

// queryInt is a number of the address, or 0.
func queryInt(r *http.Request, name string) int64 {
	n, err := strconv.ParseInt(r.URL.Query().Get(name), 10, 64)
	if err != nil {
		return 0
	}
	return n
}
