package config

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
)

const (
	defaultProxyIdleSeconds      = 30
	defaultDynamicTimeoutSeconds = 10
	maxLinked                    = 14 // linked vCenters beside the own one: 15 is vSphere's maximum
)

// Client is the stand-in of the vSphere Client. Without it the vCenter has none.
type Client struct {
	// Dir holds the Client's pages, this project's lab/client.
	Dir string `json:"dir"`
	// Proxy is how plug-in servers are reached from the browser.
	Proxy ClientProxy `json:"proxy"`
	// Linked are further vCenters of the same single sign-on domain: whoever logs
	// in here is logged in there with the same name and password.
	Linked []LinkedVCenter `json:"linked"`
	// AllowHTTP takes manifests from http: URLs, which are not checked at all.
	AllowHTTP bool `json:"allow_http"`
	// UpdateOnBrowserRefresh looks for new plug-ins whenever the page is loaded,
	// not only at the start and at a login.
	UpdateOnBrowserRefresh bool `json:"update_on_browser_refresh"`
	// DynamicTimeoutSeconds is how long the page waits for the answer to a
	// dynamic query before it hides what it asked for. Default 10.
	DynamicTimeoutSeconds int `json:"dynamic_timeout_seconds"`
}

// ClientProxy is how the Client's proxy behaves. Vendors' proxies differ and
// their limits are not documented: a plug-in has to live with each of these.
type ClientProxy struct {
	// HTTP1Only speaks HTTP/1.1 with browsers and plug-in servers. Off, HTTP/2 is
	// offered to both. Default on.
	HTTP1Only *bool `json:"http1_only,omitempty"`
	// BufferResponses passes a response on when it is complete, up to 64 MiB.
	BufferResponses bool `json:"buffer_responses"`
	// IdleTimeoutSeconds is how long a response or a WebSocket may pass no byte
	// before it is cut. Default 30.
	IdleTimeoutSeconds int `json:"idle_timeout_seconds"`
	// DropAcceptEncoding asks plug-in servers for uncompressed answers.
	DropAcceptEncoding bool `json:"drop_accept_encoding"`
	// StripUnknownHeaders passes on only the request headers of a known list.
	StripUnknownHeaders bool `json:"strip_unknown_headers"`
}

// IsHTTP1Only tells whether HTTP/2 is out.
func (p ClientProxy) IsHTTP1Only() bool { return p.HTTP1Only == nil || *p.HTTP1Only }

// Check tells what is wrong with the modes.
func (p ClientProxy) Check() error {
	if p.IdleTimeoutSeconds < 1 || p.IdleTimeoutSeconds > maxLeaseSeconds {
		return fmt.Errorf("idle_timeout_seconds %d is not within 1 and %d", p.IdleTimeoutSeconds, maxLeaseSeconds)
	}
	return nil
}

// LinkedVCenter is another vCenter of the same single sign-on domain.
type LinkedVCenter struct {
	// Name is what the client calls it. Default: the URL's host.
	Name string `json:"name"`
	// URL is its SOAP endpoint: https://127.0.0.1:8443/sdk.
	URL string `json:"url"`
	// SHA256 is the thumbprint of its certificate, in hexadecimal with colons.
	SHA256 string `json:"sha256"`
}

// CheckLinked tells what is wrong with a list of linked vCenters.
func CheckLinked(linked []LinkedVCenter) error {
	var errs []error
	if len(linked) > maxLinked {
		errs = append(errs, fmt.Errorf("%d linked vCenters are more than %d", len(linked), maxLinked))
	}
	for _, l := range linked {
		u, err := url.Parse(l.URL)
		if err != nil || u.Scheme != "https" || u.Host == "" {
			errs = append(errs, fmt.Errorf("linked vCenter %q: the URL is not https://HOST:PORT/sdk", l.URL))
			continue
		}
		if len(strings.Split(l.SHA256, ":")) != 32 {
			errs = append(errs, fmt.Errorf("linked vCenter %q: sha256 is not 32 bytes of hexadecimal with colons; its ready line tells it", l.URL))
		}
	}
	return errors.Join(errs...)
}

// ApplyDefaults fills in what is left out.
func (p *ClientProxy) ApplyDefaults() { setDefault(&p.IdleTimeoutSeconds, defaultProxyIdleSeconds) }

func (c *Client) applyDefaults() {
	c.Proxy.ApplyDefaults()
	setDefault(&c.DynamicTimeoutSeconds, defaultDynamicTimeoutSeconds)
}

func (c *Client) validate(bad report) {
	if _, err := os.Stat(filepath.Join(c.Dir, "index.html")); err != nil {
		bad("client.dir: %w; it is to name the project's lab/client", err)
	}
	if err := c.Proxy.Check(); err != nil {
		bad("client.proxy: %w", err)
	}
	if err := CheckLinked(c.Linked); err != nil {
		bad("client.linked: %w", err)
	}
	if c.DynamicTimeoutSeconds < 1 || c.DynamicTimeoutSeconds > 600 {
		bad("client.dynamic_timeout_seconds %d is not within 1 and 600", c.DynamicTimeoutSeconds)
	}
}
