package site

import (
	"net/http"

	"hdm.dev/lab/vcenter/internal/admin"
	"hdm.dev/lab/vcenter/internal/faults"
	"hdm.dev/lab/vcenter/internal/hook"
)

// makeFaults returns the hooks of the fault rules.
func (s *Site) makeFaults() (faultHooks, error) {
	s.rules = faults.New(func() hook.Site { return s })
	return faultHooks{middleware: s.rules.Middleware, tasks: s.rules, nfc: s.rules}, nil
}

// makeAdmin returns the handler of the admin API.
func (s *Site) makeAdmin() (http.Handler, error) {
	api := admin.New(s, s.rules, s.link, s.own)
	if s.web != nil {
		api.Mount("/client/", s.web.AdminHandler())
	}
	return api.Handler(s.cfg.AdminToken), nil
}
