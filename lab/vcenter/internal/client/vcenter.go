package client

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"sync"
	"time"

	vimsession "github.com/vmware/govmomi/session"
	"github.com/vmware/govmomi/vim25"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"

	"hdm.dev/lab/vcenter/internal/config"
	"hdm.dev/lab/vcenter/internal/plugin"
)

// userAgent marks the sessions that the client opens.
const userAgent = "lab-vsphere-client"

// connectTimeout is for a login at one vCenter.
const connectTimeout = 10 * time.Second

// vcenter is one vCenter of a session, logged in or with the reason why not.
type vcenter struct {
	GUID    string
	Name    string
	Version string
	URL     string
	Error   string
	client  *vim25.Client
}

// connect logs in with a pinned certificate.
func connect(ctx context.Context, at config.LinkedVCenter, user, password, locale string) (*vcenter, error) {
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	u, err := url.Parse(at.URL)
	if err != nil {
		return nil, err
	}
	pin, err := plugin.NewPin(u.Hostname(), at.SHA256, "")
	if err != nil {
		return nil, err
	}
	wire := soap.NewClient(u, true)
	wire.UserAgent = userAgent
	wire.DefaultTransport().TLSClientConfig = pin.TLS()
	client, err := vim25.NewClient(ctx, wire)
	if err != nil {
		return nil, fmt.Errorf("the vCenter at %s does not answer: %w", u.Host, err)
	}
	manager := vimsession.NewManager(client)
	_, err = methods.Login(ctx, client, &types.Login{This: manager.Reference(), UserName: user, Password: password, Locale: locale})
	if err != nil {
		return nil, err
	}
	about := client.ServiceContent.About
	return &vcenter{GUID: about.InstanceUuid, Name: cmp.Or(at.Name, u.Hostname()), Version: about.Version, URL: at.URL, client: client}, nil
}

func (v *vcenter) logout() {
	if v.client == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), connectTimeout)
	defer cancel()
	// A session that has ended by itself is what is wanted.
	_ = vimsession.NewManager(v.client).Logout(ctx)
	v.client.CloseIdleConnections()
}

// ended tells whether an error means that the vSphere session is over.
func ended(err error) bool { return isFault[types.NotAuthenticated](err) }

// isFault tells whether an error is a fault of a type, of a call or of a property.
func isFault[F any](err error) bool {
	var fault any
	switch {
	case err == nil:
		return false
	case soap.IsSoapFault(err):
		fault = soap.ToSoapFault(err).VimFault()
	case soap.IsVimFault(err):
		fault = soap.ToVimFault(err)
	}
	_, value := fault.(F)
	_, pointer := fault.(*F)
	return value || pointer
}

// places are the own vCenter and the linked ones.
func (c *Client) places() []config.LinkedVCenter {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]config.LinkedVCenter{{Name: c.opts.Name, URL: c.opts.URL(), SHA256: c.opts.SHA256()}}, c.linked...)
}

// connectAll logs in everywhere. The own vCenter decides whether it is a login;
// a linked one that cannot be used is there with its reason.
func (c *Client) connectAll(ctx context.Context, user, password, locale string) ([]*vcenter, error) {
	places := c.places()
	all := make([]*vcenter, len(places))
	errs := make([]error, len(places))
	var wg sync.WaitGroup
	for n, place := range places {
		wg.Go(func() { all[n], errs[n] = connect(ctx, place, user, password, locale) })
	}
	wg.Wait()
	if errs[0] != nil {
		for _, v := range all {
			if v != nil {
				go v.logout()
			}
		}
		return nil, errs[0]
	}
	for n, err := range errs {
		if err != nil {
			all[n] = &vcenter{Name: cmp.Or(places[n].Name, places[n].URL), URL: places[n].URL, Error: err.Error(), GUID: c.guidOf(places[n].URL)}
			continue
		}
		c.learn(all[n].URL, all[n].GUID)
	}
	return all, nil
}

func (c *Client) learn(at, guid string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.learned[at] = guid
}

func (c *Client) guidOf(at string) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.learned[at]
}

// CheckPlugins reads what is registered at all linked vCenters and deploys it.
func (c *Client) CheckPlugins(ctx context.Context) {
	found := []registered{{guid: c.opts.GUID, extensions: c.opts.Extensions()}}
	known := []string{c.opts.GUID}
	for _, place := range c.places()[1:] {
		r, err := c.registeredAt(ctx, place)
		if err == nil {
			found = append(found, r)
			c.learn(place.URL, r.guid)
		}
		if guid := c.guidOf(place.URL); guid != "" {
			known = append(known, guid)
		}
	}
	c.plugins.check(ctx, known, found)
}

// registeredAt reads a linked vCenter's extensions with the client's own account,
// so that which plug-ins there are does not depend on who logs in.
func (c *Client) registeredAt(ctx context.Context, place config.LinkedVCenter) (registered, error) {
	v, err := connect(ctx, place, c.opts.User, c.opts.Password, "")
	if err != nil {
		return registered{}, err
	}
	defer v.logout()
	if v.client.ServiceContent.ExtensionManager == nil {
		return registered{}, errors.New("it has no ExtensionManager")
	}
	var manager mo.ExtensionManager
	err = retrieveOne(ctx, v, *v.client.ServiceContent.ExtensionManager, []string{"extensionList"}, &manager)
	return registered{guid: v.GUID, extensions: manager.ExtensionList}, err
}
