// Package plugin reads what a remote plug-in of the vSphere Client brings: its
// registration and its manifest.
package plugin

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// MaxManifestBytes is the largest manifest, or zip of manifests, that is read.
const MaxManifestBytes = 4 << 20

// Manifest is a checked plugin.json.
type Manifest struct {
	// Raw is the whole of it, for the browser.
	Raw json.RawMessage `json:"-"`

	Requirements struct {
		APIVersion string   `json:"plugin.api.version"`
		VCenter    *product `json:"vcenter.server"`
		Client     *product `json:"vsphere.client"`
	} `json:"requirements"`
	Configuration struct {
		NameKey string `json:"nameKey"`
		Icon    *icon  `json:"icon"`
	} `json:"configuration"`
	Global *struct {
		View view `json:"view"`
	} `json:"global"`
	Objects     map[string]extended `json:"objects"`
	Definitions struct {
		Sprites *sprites `json:"iconSpriteSheet"`
		I18n    struct {
			Locales     []string                     `json:"locales"`
			Definitions map[string]map[string]string `json:"definitions"`
		} `json:"i18n"`
	} `json:"definitions"`
}

type product struct {
	Version      string   `json:"version"`
	Environments []string `json:"environments"`
}

type icon struct {
	Name string `json:"name"`
}

type sprites struct {
	Definitions map[string]any `json:"definitions"`
	Themes      struct {
		Dark *sprites `json:"dark"`
	} `json:"themeOverrides"`
}

type view struct {
	ID           string `json:"id"`
	NavigationID string `json:"navigationId"`
	LabelKey     string `json:"labelKey"`
	Dynamic      bool   `json:"dynamic"`
	Icon         *icon  `json:"icon"`
}

type extended struct {
	Summary *struct {
		DynamicURI any  `json:"dynamicUri"`
		View       view `json:"view"`
	} `json:"summary"`
	Monitor   *views `json:"monitor"`
	Configure *views `json:"configure"`
	Menu      *struct {
		DynamicURI any      `json:"dynamicUri"`
		Actions    []action `json:"actions"`
	} `json:"menu"`
}

type views struct {
	DynamicURI any    `json:"dynamicUri"`
	Views      []view `json:"views"`
}

type action struct {
	Type     string `json:"type"`
	ID       string `json:"id"`
	LabelKey string `json:"labelKey"`
	Icon     *icon  `json:"icon"`
	Dynamic  bool   `json:"dynamic"`
	Trigger  struct {
		Type          string `json:"type"`
		TargetViewID  string `json:"targetViewId"`
		TitleKey      string `json:"titleKey"`
		AccessibleKey string `json:"accessibilityTitleKey"`
	} `json:"trigger"`
}

// InvalidError says what is wrong with a manifest, one sentence each.
type InvalidError struct{ Problems []string }

func (e *InvalidError) Error() string {
	return "the manifest is not valid. " + strings.Join(e.Problems, ". ") + "."
}

// Parse reads and checks a plugin.json.
func Parse(data []byte) (*Manifest, error) {
	if len(data) > MaxManifestBytes {
		return nil, fmt.Errorf("the manifest is larger than %d bytes", MaxManifestBytes)
	}
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	var tree any
	if err := decoder.Decode(&tree); err != nil {
		return nil, &InvalidError{[]string{"plugin.json: it is not JSON: " + err.Error()}}
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, &InvalidError{[]string{"plugin.json: there is something after the closing brace"}}
	}
	r := new(report)
	manifestRule(r, "", tree)
	if len(r.problems) > 0 {
		return nil, &InvalidError{r.problems}
	}
	m := &Manifest{Raw: slices.Clone(data)}
	if err := json.Unmarshal(data, m); err != nil {
		return nil, fmt.Errorf("reading the manifest: %w", err)
	}
	m.cross(r)
	if len(r.problems) > 0 {
		return nil, &InvalidError{r.problems}
	}
	return m, nil
}

// IncompatibleError says which requirement is not met here.
type IncompatibleError struct{ Reason string }

func (e *IncompatibleError) Error() string { return e.Reason }

// Compatible checks the requirements against a vCenter's version.
func (m *Manifest) Compatible(vcenter string) error {
	if !slices.Contains(manifestVersions, m.Requirements.APIVersion) {
		return &IncompatibleError{fmt.Sprintf("the plug-in requires plugin.api.version %s; this vSphere Client has %s", m.Requirements.APIVersion, strings.Join(manifestVersions, ", "))}
	}
	have, err := ParseVersion(vcenter)
	if err != nil {
		return err
	}
	for _, need := range []struct {
		name string
		*product
	}{{"vcenter.server", m.Requirements.VCenter}, {"vsphere.client", m.Requirements.Client}} {
		if need.product == nil {
			continue
		}
		if r, err := ParseRange(need.Version); err != nil || !r.Has(have) {
			return &IncompatibleError{fmt.Sprintf("the plug-in requires %s %s; this one is %s", need.name, need.Version, vcenter)}
		}
		if len(need.Environments) > 0 && !slices.Contains(need.Environments, "onprem") {
			return &IncompatibleError{fmt.Sprintf("the plug-in requires %s in the environments %s; this one is onprem", need.name, strings.Join(need.Environments, ", "))}
		}
	}
	return nil
}
