package plugin

import "regexp"

var (
	manifestVersions = []string{"1.0.0", "1.0.1", "1.1.0", "1.2.0"}
	threeNumbers     = regexp.MustCompile(`^\d+\.\d+\.\d+$`)
	localePattern    = regexp.MustCompile(`^[a-z]{2}-[A-Z]{2}$`)
	objectTypes      = regexp.MustCompile(`^(VirtualMachine|HostSystem|Datacenter|ClusterComputeResource|ResourcePool|VirtualApp|Datastore|StoragePod|Network|DistributedVirtualPortgroup|DistributedVirtualSwitch|Folder(:[A-Za-z]+)?)$`)
)

const (
	maxPixels = 10_000
	maxSpan   = 10
)

// manifestRule is the shape of plugin.json as the vSphere Client SDK's schemas
// for 7.0 and 8.0U3 describe it. What a value refers to is checked in cross.go.
var manifestRule = object(map[string]rule{
	"manifestVersion!": oneOf("1.0.0", "1.0.1", "1.1.0", "1.2.0"),
	"requirements!":    requirementsRule,
	"configuration!": object(map[string]rule{
		"nameKey!": text,
		"icon":     iconRule,
	}),
	"global": object(map[string]rule{
		"view!": object(map[string]rule{"navigationId!": text, "uri!": uri, "navigationVisible": truth}),
	}),
	"objects": byName(named(objectTypes, "a type of object that can be extended, such as VirtualMachine or ClusterComputeResource"), objectRule),
	"definitions!": object(map[string]rule{
		"iconSpriteSheet": spriteRule(map[string]rule{
			"themeOverrides": object(map[string]rule{"dark": spriteRule(nil)}),
		}),
		"i18n!": object(map[string]rule{
			"locales!":     list(1, matching(localePattern, "a locale such as en-US")),
			"definitions!": byName(anyName, byName(named(localePattern, "a locale such as en-US"), text)),
		}),
	}),
})

var requirementsRule = object(map[string]rule{
	"plugin.api.version!":              matching(threeNumbers, "a version of three numbers"),
	"vcenter.server":                   productRule,
	"vsphere.client":                   productRule,
	"confirmation.modal.api":           oneOf("1.0.0"),
	"proxied.plugin.server.origin.api": oneOf("1.0.0"),
	"icon.sprite.sheet.theming":        oneOf("1.0.0"),
	"plugin.backend.info.api":          oneOf("1.0.0"),
	"plugin.dynamic.extensions":        oneOf("1.0.0"),
	"action.accepts.multiple.targets":  oneOf(true),
})

var productRule = object(map[string]rule{
	"version!": func(r *report, at string, value any) {
		s, _ := value.(string)
		if _, err := ParseRange(s); err != nil {
			r.bad(at, "%v", err)
		}
	},
	"environments": list(1, oneOf("onprem", "cloud", "gateway")),
})

var iconRule = object(map[string]rule{"name!": text})

func spriteRule(further map[string]rule) rule {
	properties := map[string]rule{
		"uri!": uri,
		"definitions!": byName(anyName, object(map[string]rule{
			"x!": integer(0, maxPixels), "y!": integer(0, maxPixels),
		})),
	}
	for name, check := range further {
		properties[name] = check
	}
	return object(properties)
}

// dynamicURI is a path, or a path at an auxiliary server of the registration.
func dynamicURI(r *report, at string, value any) {
	if _, is := value.(string); is {
		uri(r, at, value)
		return
	}
	object(map[string]rule{"path!": uri, "serverType!": text})(r, at, value)
}

var objectRule = object(map[string]rule{
	"summary": object(map[string]rule{
		"dynamicUri": dynamicURI,
		"view!": object(map[string]rule{
			"id": text, "uri!": uri, "icon": iconRule, "dynamic": truth,
			"size": object(map[string]rule{"widthSpan!": integer(1, maxSpan), "heightSpan!": integer(1, maxSpan)}),
		}),
	}),
	"monitor":   viewsRule,
	"configure": viewsRule,
	"menu": object(map[string]rule{
		"dynamicUri": dynamicURI,
		"actions!":   list(1, actionRule),
	}),
})

var viewsRule = object(map[string]rule{
	"dynamicUri": dynamicURI,
	"views!": list(1, object(map[string]rule{
		"navigationId!": text, "labelKey!": text, "uri!": uri, "dynamic": truth,
	})),
})

func actionRule(r *report, at string, value any) {
	if fields, is := value.(map[string]any); is && fields["type"] != nil {
		object(map[string]rule{"type!": oneOf("separator")})(r, at, value)
		return
	}
	object(map[string]rule{
		"id": text, "labelKey!": text, "icon": iconRule, "trigger!": triggerRule,
		"acceptsMultipleTargets": truth, "dynamic": truth,
	})(r, at, value)
}

func triggerRule(r *report, at string, value any) {
	fields, _ := value.(map[string]any)
	if fields["type"] == "navigation" {
		object(map[string]rule{"type!": oneOf("navigation"), "targetViewId!": text})(r, at, value)
		return
	}
	object(map[string]rule{
		"type!": oneOf("modal", "navigation"), "uri!": uri, "titleKey": text, "accessibilityTitleKey": text,
		"size": object(map[string]rule{"width!": integer(1, maxPixels), "height!": integer(1, maxPixels)}),
	})(r, at, value)
}
