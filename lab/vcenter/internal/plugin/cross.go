package plugin

import (
	"fmt"
	"maps"
	"slices"
)

// cross checks what the parts of a manifest say of each other.
func (m *Manifest) cross(r *report) {
	m.texts(r)
	m.label(r, "configuration.nameKey", m.Configuration.NameKey)
	m.icon(r, "configuration.icon", m.Configuration.Icon)
	if s := m.Definitions.Sprites; s != nil && s.Themes.Dark != nil {
		for _, name := range slices.Sorted(maps.Keys(s.Themes.Dark.Definitions)) {
			if _, has := s.Definitions[name]; !has {
				r.bad("definitions.iconSpriteSheet.themeOverrides.dark", "the icon %q overrides none of iconSpriteSheet.definitions", name)
			}
		}
	}
	for _, kind := range slices.Sorted(maps.Keys(m.Objects)) {
		m.object(r, "objects."+kind, m.Objects[kind])
	}
}

// texts requires each listed locale's text of each key.
func (m *Manifest) texts(r *report) {
	i18n := m.Definitions.I18n
	seen := make(map[string]bool)
	for _, locale := range i18n.Locales {
		if seen[locale] {
			r.bad("definitions.i18n.locales", "%q is there twice", locale)
		}
		seen[locale] = true
	}
	for _, key := range slices.Sorted(maps.Keys(i18n.Definitions)) {
		for _, locale := range i18n.Locales {
			if _, has := i18n.Definitions[key][locale]; !has {
				r.bad("definitions.i18n.definitions."+key, "the text for the locale %s is missing", locale)
			}
		}
	}
}

func (m *Manifest) label(r *report, at, key string) {
	if _, has := m.Definitions.I18n.Definitions[key]; key != "" && !has {
		r.bad(at, "the key %q is not in definitions.i18n.definitions", key)
	}
}

func (m *Manifest) icon(r *report, at string, i *icon) {
	if i == nil {
		return
	}
	if m.Definitions.Sprites == nil {
		r.bad(at, "the icon %q needs a definitions.iconSpriteSheet", i.Name)
	} else if _, has := m.Definitions.Sprites.Definitions[i.Name]; !has {
		r.bad(at, "the icon %q is not in definitions.iconSpriteSheet.definitions", i.Name)
	}
}

func (m *Manifest) object(r *report, at string, e extended) {
	targets := make(map[string]bool)
	if m.Global != nil {
		targets[m.Global.View.NavigationID] = true
	}
	for _, part := range []struct {
		name string
		*views
	}{{"monitor", e.Monitor}, {"configure", e.Configure}} {
		if part.views == nil {
			continue
		}
		for n, v := range part.Views {
			here := fmt.Sprintf("%s.%s.views[%d]", at, part.name, n)
			if targets[v.NavigationID] {
				r.bad(here, "the navigationId %q is there twice", v.NavigationID)
			}
			targets[v.NavigationID] = true
			m.label(r, here+".labelKey", v.LabelKey)
			dynamic(r, here, v.Dynamic, part.DynamicURI, v.NavigationID)
		}
	}
	if e.Summary != nil {
		m.icon(r, at+".summary.view.icon", e.Summary.View.Icon)
		dynamic(r, at+".summary.view", e.Summary.View.Dynamic, e.Summary.DynamicURI, e.Summary.View.ID)
	}
	if e.Menu == nil {
		return
	}
	ids := make(map[string]bool)
	for n, a := range e.Menu.Actions {
		here := fmt.Sprintf("%s.menu.actions[%d]", at, n)
		if a.ID != "" && ids[a.ID] {
			r.bad(here, "the id %q is there twice", a.ID)
		}
		ids[a.ID] = true
		m.label(r, here+".labelKey", a.LabelKey)
		m.label(r, here+".trigger.titleKey", a.Trigger.TitleKey)
		m.label(r, here+".trigger.accessibilityTitleKey", a.Trigger.AccessibleKey)
		m.icon(r, here+".icon", a.Icon)
		dynamic(r, here, a.Dynamic, e.Menu.DynamicURI, a.ID)
		if target := a.Trigger.TargetViewID; target != "" && !targets[target] {
			r.bad(here+".trigger", "the targetViewId %q is no navigationId of this type of object, nor of the global view", target)
		}
	}
}

// dynamic requires what a dynamic item is asked for with.
func dynamic(r *report, at string, is bool, uri any, id string) {
	if is && uri == nil {
		r.bad(at, "it is dynamic, but there is no dynamicUri beside it to ask")
	}
	if is && id == "" {
		r.bad(at, "it is dynamic, but has no id to be answered for")
	}
}
