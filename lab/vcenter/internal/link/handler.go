package link

import (
	"encoding/json"
	"net/http"
)

// maxBodyBytes is more than any shape takes.
const maxBodyBytes = 4 << 10

// status is the answer to GET and PUT /shape.
type status struct {
	Shape
	ToTargetBytes   int64 `json:"to_target_bytes"`
	FromTargetBytes int64 `json:"from_target_bytes"`
}

// Handler is the admin API: GET and PUT of the shape, on any path. It is meant
// for the loopback interface.
func (l *Link) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /", func(w http.ResponseWriter, _ *http.Request) { l.answer(w) })
	mux.HandleFunc("PUT /", func(w http.ResponseWriter, r *http.Request) {
		var shape Shape
		decoder := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBodyBytes))
		decoder.DisallowUnknownFields()
		err := decoder.Decode(&shape)
		if err == nil {
			err = l.SetShape(shape)
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		l.answer(w)
	})
	return mux
}

func (l *Link) answer(w http.ResponseWriter) {
	to, from := l.Passed()
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(status{l.Shape(), to, from})
}
