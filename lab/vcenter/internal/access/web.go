package access

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/vmware/govmomi/vim25/soap"

	"hdm.dev/lab/vcenter/internal/auth"
)

// Paths of vcsim that know no privileges.
const (
	folderPath  = "/folder/"
	restSession = "/rest/com/vmware/cis/session"
	tagging     = "/rest/com/vmware/cis/tagging/"
	restHeader  = "vmware-api-session-id"
)

// Web lets through to vcsim's files and REST endpoints who may use them. Files
// need Datastore.Browse to be read and Datastore.FileManagement to be written;
// of REST, those who are not Administrator everywhere may log in and out, read
// tags, and ask which tags an object has that they see.
func (a *Access) Web(next http.Handler, user func(soapSession string) (string, bool), rest http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		status := http.StatusOK
		switch {
		case strings.HasPrefix(r.URL.Path, folderPath):
			status = a.fileStatus(r, user)
		case strings.HasPrefix(r.URL.Path, "/rest"), strings.HasPrefix(r.URL.Path, "/api"):
			status = a.restStatus(r, rest)
		}
		if status != http.StatusOK {
			http.Error(w, http.StatusText(status), status)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func (a *Access) fileStatus(r *http.Request, user func(string) (string, bool)) int {
	name, known := "", false
	if cookie, err := r.Cookie(soap.SessionCookieName); err == nil {
		name, known = user(strings.Trim(cookie.Value, `"`))
	}
	if login, password, given := r.BasicAuth(); !known && given {
		name, known = a.authority.Check(login, password)
	}
	if !known {
		return http.StatusUnauthorized
	}
	grants := a.authority.Of(name)
	if grants.Everything() {
		return http.StatusOK
	}
	privilege := browse
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		privilege = files
	}
	for _, entity := range a.registry.All("Datastore") {
		if entity.Entity().Name == r.URL.Query().Get("dsName") && grants.On(entity.Reference()).Has(privilege) {
			return http.StatusOK
		}
	}
	return http.StatusForbidden
}

func (a *Access) restStatus(r *http.Request, rest http.Handler) int {
	if strings.HasPrefix(r.URL.Path, restSession) {
		// vcsim believes every token; names and passwords it has checked.
		if strings.HasPrefix(r.Header.Get("Authorization"), "SIGN ") {
			return http.StatusUnauthorized
		}
		return http.StatusOK
	}
	if strings.TrimSuffix(r.URL.Path, "/") == "/api" {
		return http.StatusForbidden // makes sessions for anybody
	}
	name := restUser(r, rest)
	if name == "" {
		return http.StatusOK // vcsim answers 401
	}
	grants := a.authority.Of(name)
	if grants.Everything() || a.readsTags(r, &look{a: a, user: name, Grants: grants}) {
		return http.StatusOK
	}
	return http.StatusForbidden
}

// restUser asks vcsim whose REST session a request is of.
func restUser(r *http.Request, rest http.Handler) string {
	id := r.Header.Get(restHeader)
	if cookie, err := r.Cookie(restHeader); id == "" && err == nil {
		id = cookie.Value
	}
	ask := httptest.NewRequest(http.MethodGet, restSession, nil)
	ask.Header.Set(restHeader, id)
	recorder := httptest.NewRecorder()
	rest.ServeHTTP(recorder, ask)
	var session struct{ Value struct{ User string } }
	if recorder.Code != http.StatusOK || json.Unmarshal(recorder.Body.Bytes(), &session) != nil {
		return ""
	}
	return session.Value.User
}

// maxTagBody is the largest question about tags.
const maxTagBody = 1 << 20

// readsTags tells whether a request only reads tags, of objects that are seen.
func (a *Access) readsTags(r *http.Request, l *look) bool {
	if !strings.HasPrefix(r.URL.Path, tagging) {
		return false
	}
	if r.Method == http.MethodGet {
		return true
	}
	action := r.URL.Query().Get("~action")
	if strings.HasPrefix(r.URL.Path, tagging+"tag-association") {
		if action != "list-attached-tags" && action != "list-attached-tags-on-objects" {
			return false
		}
		type objectID struct{ ID, Type string }
		var asked struct {
			ObjectID  objectID   `json:"object_id"`
			ObjectIDs []objectID `json:"object_ids"`
		}
		if readAgain(r, maxTagBody, &asked) != nil {
			return false
		}
		for _, o := range append(asked.ObjectIDs, asked.ObjectID) {
			if o.ID != "" && l.level(auth.Ref{Type: o.Type, Value: o.ID}) == hidden {
				return false
			}
		}
		return true
	}
	return action == "list-tags-for-category" || action == "list-used-categories"
}

// readAgain reads a body and leaves it to be read again.
func readAgain(r *http.Request, limit int64, into any) error {
	data, err := io.ReadAll(io.LimitReader(r.Body, limit))
	if err != nil {
		return err
	}
	r.Body = io.NopCloser(bytes.NewReader(data))
	return json.Unmarshal(data, into)
}
