package client

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	"hdm.dev/lab/vcenter/internal/config"
)

// AdminHandler serves the client's part of the admin API, at /client/. Who may
// call it is checked before.
func (c *Client) AdminHandler() http.Handler {
	mux := http.NewServeMux()
	handle := func(pattern string, do func(*http.Request) (any, error)) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			r.Body = http.MaxBytesReader(w, r.Body, maxBody)
			result, err := do(r)
			if err != nil {
				err = &refusal{http.StatusBadRequest, err.Error()}
			}
			answer(w, result, err)
		})
	}
	ok := map[string]bool{"ok": true}
	handle("GET /client/proxy", func(*http.Request) (any, error) { return c.proxy.settings(), nil })
	handle("PUT /client/proxy", func(r *http.Request) (any, error) {
		var mode config.ClientProxy
		if err := decode(r, &mode); err != nil {
			return nil, err
		}
		mode.ApplyDefaults()
		if err := mode.Check(); err != nil {
			return nil, err
		}
		c.proxy.setSettings(mode)
		return mode, nil
	})
	handle("PUT /client/linked", func(r *http.Request) (any, error) {
		var linked []config.LinkedVCenter
		if err := decode(r, &linked); err != nil {
			return nil, err
		}
		if err := config.CheckLinked(linked); err != nil {
			return nil, err
		}
		c.mu.Lock()
		c.linked = linked
		c.mu.Unlock()
		c.CheckPlugins(context.WithoutCancel(r.Context()))
		return ok, nil
	})
	handle("GET /client/faults", func(*http.Request) (any, error) { return c.currentFaults(), nil })
	handle("PUT /client/faults", func(r *http.Request) (any, error) {
		var faults Faults
		if err := decode(r, &faults); err != nil {
			return nil, err
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		c.faults = faults
		return faults, nil
	})
	handle("GET /client/sessions", func(*http.Request) (any, error) {
		type entry struct {
			User  string `json:"user"`
			Login string `json:"login"`
			Token string `json:"token"`
		}
		all := []entry{}
		for _, s := range c.sessions.all() {
			all = append(all, entry{s.user, s.login.UTC().Format("2006-01-02T15:04:05.000Z"), s.token})
		}
		return all, nil
	})
	handle("DELETE /client/sessions", func(*http.Request) (any, error) {
		for _, s := range c.sessions.all() {
			c.end(s)
		}
		return ok, nil
	})
	handle("DELETE /client/sessions/{user}", func(r *http.Request) (any, error) {
		ended := 0
		for _, s := range c.sessions.all() {
			if s.user == r.PathValue("user") {
				c.end(s)
				ended++
			}
		}
		if ended == 0 {
			return nil, fmt.Errorf("%q is not logged in to the client", r.PathValue("user"))
		}
		return ok, nil
	})
	handle("DELETE /client/tickets", func(*http.Request) (any, error) { c.opts.DropTickets(); return ok, nil })
	handle("GET /client/plugins", func(r *http.Request) (any, error) { return c.listPlugins(r, nil) })
	handle("POST /client/plugins/check", func(r *http.Request) (any, error) { return c.checkPlugins(r, nil) })
	handle("DELETE /client/cache", func(*http.Request) (any, error) { c.plugins.forgetCache(); return ok, nil })
	return mux
}

// decode reads a request; an unknown key is most likely a misspelt one.
func decode(r *http.Request, into any) error {
	decoder := json.NewDecoder(r.Body)
	decoder.DisallowUnknownFields()
	return decoder.Decode(into)
}
