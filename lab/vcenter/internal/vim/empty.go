package vim

import (
	"bytes"
	"io"
	"net/http"
)

// emptied stands for an element that is there and empty. In Go's structures of
// the API it would look as if it were not there at all.
const emptied = "\u2400lab:emptied"

// maxEmptyBody is the largest request that is looked into.
const maxEmptyBody = 16 << 20

// KeepEmpty lets a reconfiguration that empties the notes be told from one that
// leaves them alone.
func KeepEmpty(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(io.LimitReader(r.Body, maxEmptyBody))
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		for _, empty := range []string{"<annotation></annotation>", "<annotation/>"} {
			body = bytes.ReplaceAll(body, []byte(empty), []byte("<annotation>"+emptied+"</annotation>"))
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		r.ContentLength = int64(len(body))
		next.ServeHTTP(w, r)
	})
}
