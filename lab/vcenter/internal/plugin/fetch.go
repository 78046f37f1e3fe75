package plugin

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

const (
	fetchTimeout = 15 * time.Second
	// multiManifest lists a zip's manifests in the order of preference.
	multiManifest = "plugin-multi-manifest.json"
	maxManifests  = 10
)

// fallThrough is the first vCenter that goes on to the next manifest of a zip
// when one's requirements are not met; older ones only do when it is invalid.
var fallThrough = Version{8, 0, 3}

// Fetch downloads the manifest of a plug-in and checks it. The error is an
// *IncompatibleError if nothing but a requirement is wrong.
func Fetch(ctx context.Context, server Server, vcenter string) (*Manifest, error) {
	data, err := download(ctx, server)
	if err != nil {
		var pin *PinError
		if errors.As(err, &pin) {
			return nil, pin
		}
		return nil, fmt.Errorf("the manifest cannot be downloaded from %s: %w", server.URL, err)
	}
	if bytes.HasPrefix(data, []byte("PK\x03\x04")) {
		return fromZip(data, vcenter)
	}
	m, err := Parse(data)
	if err != nil {
		return nil, err
	}
	return m, m.Compatible(vcenter)
}

func download(ctx context.Context, server Server) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	transport := &http.Transport{DisableKeepAlives: true}
	if server.Pin != nil {
		transport.TLSClientConfig = server.Pin.TLS()
	}
	client := &http.Client{Transport: transport, CheckRedirect: func(req *http.Request, _ []*http.Request) error {
		return fmt.Errorf("it redirects to %s, which is not the registered server", req.URL)
	}}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, server.URL.String(), nil)
	if err != nil {
		return nil, err
	}
	res, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the server answers %s", res.Status)
	}
	data, err := io.ReadAll(io.LimitReader(res.Body, MaxManifestBytes+1))
	if err == nil && len(data) > MaxManifestBytes {
		err = fmt.Errorf("it is larger than %d bytes", MaxManifestBytes)
	}
	return data, err
}

// fromZip takes the first manifest of a zip that can be used.
func fromZip(data []byte, vcenter string) (*Manifest, error) {
	archive, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return nil, fmt.Errorf("the zip of manifests cannot be read: %w", err)
	}
	index, err := fromArchive(archive, multiManifest)
	if err != nil {
		return nil, err
	}
	var list struct {
		ManifestVersion string   `json:"manifestVersion"`
		Manifests       []string `json:"manifests"`
	}
	decoder := json.NewDecoder(bytes.NewReader(index))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&list); err != nil {
		return nil, fmt.Errorf("%s: %w", multiManifest, err)
	}
	if list.ManifestVersion != "1.0.0" || len(list.Manifests) == 0 || len(list.Manifests) > maxManifests {
		return nil, fmt.Errorf("%s must have the manifestVersion 1.0.0 and name 1 to %d manifests", multiManifest, maxManifests)
	}
	have, err := ParseVersion(vcenter)
	if err != nil {
		return nil, err
	}
	var wrong []error
	for _, name := range list.Manifests {
		text, err := fromArchive(archive, name)
		if err != nil {
			return nil, err
		}
		m, err := Parse(text)
		if err == nil {
			if err = m.Compatible(vcenter); err == nil || have.Compare(fallThrough) < 0 {
				return m, err
			}
		}
		wrong = append(wrong, fmt.Errorf("%s: %w", name, err))
	}
	all := errors.Join(wrong...)
	var incompatible *IncompatibleError
	if errors.As(all, &incompatible) {
		return nil, &IncompatibleError{strings.ReplaceAll(all.Error(), "\n", "; ")}
	}
	return nil, all
}

func fromArchive(archive *zip.Reader, name string) ([]byte, error) {
	f, err := archive.Open(name)
	if err != nil {
		return nil, fmt.Errorf("the zip has no %s at its root", name)
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, MaxManifestBytes+1))
}
