package site

import "net/http"

// makeFaults returns the hooks of the fault rules.
func (s *Site) makeFaults() (faultHooks, error) {
	return faultHooks{}, nil
}

// makeAdmin returns the handler of the admin API.
func (s *Site) makeAdmin() (http.Handler, error) {
	return http.NotFoundHandler(), nil
}
