package client

import (
	"context"
	"encoding/json"
	"net/http"
)

type pluginServer struct {
	Type           string `json:"type"`
	ProxiedURL     string `json:"proxiedUrl"`
	ProxiedBaseURL string `json:"proxiedBaseUrl"`
}

type pluginEntry struct {
	ID       string          `json:"id"`
	Key      string          `json:"key"`
	Version  string          `json:"version"`
	Company  string          `json:"company"`
	Label    string          `json:"label"`
	VCenters []string        `json:"vcenters"`
	State    State           `json:"state"`
	Error    string          `json:"error,omitempty"`
	URL      string          `json:"url"`
	Servers  []pluginServer  `json:"servers"`
	Manifest json.RawMessage `json:"manifest,omitempty"`
}

// listPlugins tells the page what is deployed, with everything to draw it.
func (c *Client) listPlugins(*http.Request, *session) (any, error) {
	instances, generation := c.plugins.list()
	entries := make([]pluginEntry, 0, len(instances))
	for _, i := range instances {
		entry := pluginEntry{ID: i.ID, Key: i.Key, Version: i.Version, Company: i.Company, Label: i.Label,
			VCenters: i.VCenters, State: i.State, Error: i.Error, URL: i.url, Servers: []pluginServer{}}
		if i.Manifest != nil {
			entry.Manifest = i.Manifest.Raw
		}
		for _, s := range i.Servers {
			base := proxyPrefix + i.ID + "/" + s.HostPort()
			entry.Servers = append(entry.Servers, pluginServer{Type: s.Type, ProxiedBaseURL: base, ProxiedURL: base + s.Directory()})
		}
		entries = append(entries, entry)
	}
	return map[string]any{"generation": generation, "plugins": entries}, nil
}

// checkPlugins looks for plug-ins at once.
func (c *Client) checkPlugins(r *http.Request, s *session) (any, error) {
	c.CheckPlugins(context.WithoutCancel(r.Context()))
	return c.listPlugins(r, s)
}

// backendInfo tells whether getPluginBackendInfo is to fail; the page knows the rest.
func (c *Client) backendInfo(*http.Request, *session) (any, error) {
	return map[string]bool{"available": !c.currentFaults().BackendInfoNull}, nil
}

func (c *Client) currentFaults() Faults {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.faults
}
