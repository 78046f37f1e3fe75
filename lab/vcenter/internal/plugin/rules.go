package plugin

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// rule checks one value of a manifest. at is where it stands, such as
// objects.VirtualMachine.menu.actions[0].trigger.
type rule func(r *report, at string, value any)

// report gathers what is wrong, up to a limit.
type report struct{ problems []string }

// maxProblems are told of one manifest.
const maxProblems = 20

func (r *report) bad(at, format string, args ...any) {
	if at == "" {
		at = "plugin.json"
	}
	if len(r.problems) < maxProblems {
		r.problems = append(r.problems, at+": "+fmt.Sprintf(format, args...))
	}
}

func join(at, name string) string {
	if at == "" {
		return name
	}
	return at + "." + name
}

// object has these properties and no others; required ones are marked with a "!"
// after their name.
func object(properties map[string]rule) rule {
	known := make(map[string]rule)
	var required []string
	for name, check := range properties {
		if bare, must := strings.CutSuffix(name, "!"); must {
			required = append(required, bare)
			name = bare
		}
		known[name] = check
	}
	slices.Sort(required)
	names := strings.Join(slices.Sorted(maps.Keys(known)), ", ")
	return func(r *report, at string, value any) {
		fields, is := value.(map[string]any)
		if !is {
			r.bad(at, "is %s, but must be an object", kind(value))
			return
		}
		for _, name := range required {
			if _, has := fields[name]; !has {
				r.bad(at, "the property %q is missing", name)
			}
		}
		for _, name := range slices.Sorted(maps.Keys(fields)) {
			check, has := known[name]
			if !has {
				r.bad(at, "there is no property %q here; additional properties are not allowed, known are %s", name, names)
				continue
			}
			check(r, join(at, name), fields[name])
		}
	}
}

// byName is an object whose properties are named by its author.
func byName(name func(string) string, check rule) rule {
	return func(r *report, at string, value any) {
		fields, is := value.(map[string]any)
		if !is {
			r.bad(at, "is %s, but must be an object", kind(value))
			return
		}
		for _, key := range slices.Sorted(maps.Keys(fields)) {
			if wrong := name(key); wrong != "" {
				r.bad(at, "%q %s", key, wrong)
				continue
			}
			check(r, join(at, key), fields[key])
		}
	}
}

func anyName(string) string { return "" }

func named(pattern *regexp.Regexp, what string) func(string) string {
	return func(key string) string {
		if pattern.MatchString(key) {
			return ""
		}
		return "is not " + what
	}
}

func list(minimum int, item rule) rule {
	return func(r *report, at string, value any) {
		items, is := value.([]any)
		if !is {
			r.bad(at, "is %s, but must be a list", kind(value))
			return
		}
		if len(items) < minimum {
			r.bad(at, "has %d entries, but needs at least %d", len(items), minimum)
		}
		for n, entry := range items {
			item(r, fmt.Sprintf("%s[%d]", at, n), entry)
		}
	}
}

// text is a string that is not empty, of at most maxText bytes.
const maxText = 2000

func text(r *report, at string, value any) {
	s, is := value.(string)
	switch {
	case !is:
		r.bad(at, "is %s, but must be a string", kind(value))
	case strings.TrimSpace(s) == "":
		r.bad(at, "is an empty string")
	case len(s) > maxText:
		r.bad(at, "is longer than %d bytes", maxText)
	}
}

func matching(pattern *regexp.Regexp, what string) rule {
	return func(r *report, at string, value any) {
		if s, is := value.(string); !is || !pattern.MatchString(s) {
			r.bad(at, "%s is not %s", shown(value), what)
		}
	}
}

func oneOf(allowed ...any) rule {
	var names []string
	for _, a := range allowed {
		names = append(names, shown(a))
	}
	return func(r *report, at string, value any) {
		if _, isText := value.(string); isText || kind(value) == "a truth value" {
			if slices.Contains(allowed, value) {
				return
			}
		}
		r.bad(at, "%s is none of %s", shown(value), strings.Join(names, ", "))
	}
}

func truth(r *report, at string, value any) {
	if _, is := value.(bool); !is {
		r.bad(at, "is %s, but must be true or false", kind(value))
	}
}

func integer(low, high int64) rule {
	return func(r *report, at string, value any) {
		number, is := value.(json.Number)
		n, err := number.Int64()
		if !is || err != nil || n < low || n > high {
			r.bad(at, "%s is not a whole number from %d to %d", shown(value), low, high)
		}
	}
}

// uri is resolved against the manifest's directory and must stay on its server.
func uri(r *report, at string, value any) {
	s, is := value.(string)
	if !is || s == "" {
		r.bad(at, "%s is not a URI", shown(value))
		return
	}
	u, err := url.Parse(s)
	if err != nil || len(s) > maxText {
		r.bad(at, "%s is not a URI", shown(value))
		return
	}
	if u.IsAbs() || u.Host != "" || strings.HasPrefix(s, "/") {
		r.bad(at, "%q must be relative to the manifest's directory", s)
	}
}

func kind(value any) string {
	switch value.(type) {
	case nil:
		return "null"
	case string:
		return "a string"
	case bool:
		return "a truth value"
	case json.Number:
		return "a number"
	case []any:
		return "a list"
	}
	return "an object"
}

func shown(value any) string {
	encoded, err := json.Marshal(value)
	if err != nil || len(encoded) > 100 {
		return kind(value)
	}
	return string(encoded)
}
