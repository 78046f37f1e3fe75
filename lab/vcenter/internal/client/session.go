package client

import (
	"context"
	"crypto/rand"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/types"
)

const (
	// cookieName is of the client's own; plug-in servers never see it.
	cookieName = "LAB-VSPHERE-CLIENT"
	// tokenHeader carries the token of getSessionInfo.
	tokenHeader = "vmware-api-session-id"
	maxSessions = 200
	// idleLimit ends a session that nobody uses.
	idleLimit = 2 * time.Hour
	nodeID    = "lab-node"
)

// session is one login in one browser, and a session at each vCenter.
type session struct {
	cookie, token string
	user, locale  string
	login         time.Time
	vcenters      []*vcenter
	used          time.Time // guarded by sessions.mu
}

// vcenter returns the usable vCenter of a guid, or why there is none.
func (s *session) vcenter(guid string) (*vcenter, error) {
	for _, v := range s.vcenters {
		if v.GUID == guid && v.client != nil {
			return v, nil
		}
		if v.GUID == guid {
			return nil, &refusal{http.StatusBadGateway, "The vCenter " + v.Name + " cannot be used: " + v.Error}
		}
	}
	return nil, &refusal{http.StatusNotFound, "There is no vCenter with the guid \"" + guid + "\" in this session."}
}

type sessions struct {
	mu       sync.Mutex
	byCookie map[string]*session
}

func newSessions() *sessions { return &sessions{byCookie: make(map[string]*session)} }

// add keeps a session and returns those that have to go for it.
func (t *sessions) add(s *session) (gone []*session) {
	t.mu.Lock()
	defer t.mu.Unlock()
	s.used = time.Now()
	t.byCookie[s.cookie] = s
	byUse := make([]*session, 0, len(t.byCookie))
	for _, other := range t.byCookie {
		byUse = append(byUse, other)
	}
	slices.SortFunc(byUse, func(a, b *session) int { return a.used.Compare(b.used) })
	for n, other := range byUse {
		if time.Since(other.used) > idleLimit || len(byUse)-n > maxSessions {
			delete(t.byCookie, other.cookie)
			gone = append(gone, other)
		}
	}
	return gone
}

func (t *sessions) remove(s *session) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.byCookie, s.cookie)
}

func (t *sessions) all() []*session {
	t.mu.Lock()
	defer t.mu.Unlock()
	var all []*session
	for _, s := range t.byCookie {
		all = append(all, s)
	}
	slices.SortFunc(all, func(a, b *session) int { return a.login.Compare(b.login) })
	return all
}

func (t *sessions) find(is func(*session) bool) *session {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, s := range t.byCookie {
		if is(s) && time.Since(s.used) <= idleLimit {
			s.used = time.Now()
			return s
		}
	}
	return nil
}

func (t *sessions) ofCookie(r *http.Request) *session {
	cookie, err := r.Cookie(cookieName)
	if err != nil {
		return nil
	}
	return t.find(func(s *session) bool { return s.cookie == cookie.Value })
}

func (t *sessions) ofToken(token string) *session {
	return t.find(func(s *session) bool { return s.token == token })
}

// end logs a session out, everywhere.
func (c *Client) end(s *session) {
	c.sessions.remove(s)
	for _, v := range s.vcenters {
		v.logout()
	}
}

func (c *Client) login(w http.ResponseWriter, r *http.Request) {
	var body struct{ User, Password, Locale string }
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	if err := readJSON(r, &body); err != nil {
		answer(w, nil, err)
		return
	}
	vcenters, err := c.connectAll(r.Context(), body.User, body.Password, strings.ReplaceAll(body.Locale, "-", "_"))
	if isFault[types.InvalidLogin](err) {
		answer(w, nil, &refusal{http.StatusUnauthorized, "The user name or the password is wrong."})
		return
	} else if err != nil {
		answer(w, nil, err)
		return
	}
	s := &session{cookie: rand.Text(), token: rand.Text(), user: body.User, locale: body.Locale, login: time.Now(), vcenters: vcenters}
	for _, gone := range c.sessions.add(s) {
		go c.end(gone)
	}
	c.checkWithin(loginCheckLimit)
	http.SetCookie(w, &http.Cookie{Name: cookieName, Value: s.cookie, Path: "/", HttpOnly: true, Secure: true, SameSite: http.SameSiteStrictMode})
	result, err := c.describe(r, s)
	answer(w, result, err)
}

// checkWithin looks for plug-ins and waits for their deployment, up to a limit.
func (c *Client) checkWithin(limit time.Duration) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		c.CheckPlugins(context.Background())
	}()
	select {
	case <-done:
	case <-time.After(limit):
	}
}

func (c *Client) logout(_ *http.Request, s *session) (any, error) {
	c.end(s)
	return map[string]bool{"ok": true}, nil
}

// whoAmI is how the page learns whether it is logged in: null is no error, so
// that it does not show as one in the browser's console.
func (c *Client) whoAmI(w http.ResponseWriter, r *http.Request) {
	if c.sessions.ofCookie(r) == nil {
		answer(w, nil, nil)
		return
	}
	c.withSession(c.describe)(w, r)
}

// describe tells the page where it is.
func (c *Client) describe(_ *http.Request, s *session) (any, error) {
	if c.opts.Config.UpdateOnBrowserRefresh {
		c.checkWithin(loginCheckLimit)
	}
	type place struct {
		GUID    string `json:"guid"`
		Name    string `json:"name"`
		Version string `json:"version"`
		Error   string `json:"error,omitempty"`
		Root    string `json:"root,omitempty"`
	}
	var places []place
	for _, v := range s.vcenters {
		p := place{GUID: v.GUID, Name: v.Name, Version: v.Version, Error: v.Error}
		if v.client != nil {
			p.Root = v.urn(v.client.ServiceContent.RootFolder)
		}
		places = append(places, p)
	}
	return map[string]any{"user": s.user, "version": c.opts.Version, "vcenters": places,
		"dynamicTimeoutMs": c.opts.Config.DynamicTimeoutSeconds * 1000, "nodeId": nodeID}, nil
}

// sessionInfo is what the SDK's getSessionInfo calls back with.
func (c *Client) sessionInfo(_ *http.Request, s *session) (any, error) {
	if c.currentFaults().SessionInfoNull {
		return nil, nil
	}
	return map[string]string{"sessionToken": s.token, "nodeId": nodeID}, nil
}

// cloneTicket gives the holder of a session's token a ticket for one vCenter.
func (c *Client) cloneTicket(w http.ResponseWriter, r *http.Request) {
	s := c.sessions.ofToken(r.Header.Get(tokenHeader))
	if s == nil {
		answer(w, nil, &refusal{http.StatusUnauthorized, "The header " + tokenHeader + " names no session."})
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	var body struct {
		GUID string `json:"vc_guid"`
	}
	if err := readJSON(r, &body); err != nil {
		answer(w, nil, err)
		return
	}
	v, err := s.vcenter(body.GUID)
	if err != nil {
		answer(w, nil, err)
		return
	}
	res, err := methods.AcquireCloneTicket(r.Context(), v.client, &types.AcquireCloneTicket{This: *v.client.ServiceContent.SessionManager})
	if ended(err) {
		c.sessions.remove(s)
		go c.end(s)
		err = &refusal{http.StatusUnauthorized, "The session of this token has ended."}
	}
	if err != nil {
		answer(w, nil, err)
		return
	}
	answer(w, map[string]string{"session_clone_ticket": res.Returnval}, nil)
}
