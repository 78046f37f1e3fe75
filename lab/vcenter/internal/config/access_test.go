package config

import (
	"strings"
	"testing"
)

func TestWhoIsWrong(t *testing.T) {
	for wrong, want := range map[string]string{
		`"users": [{"name": "a"}]`: "needs a name and a password",
		`"users": [{"name": "a", "password": "x"}, {"name": "A", "password": "y"}]`:                     "there twice",
		`"users": [{"name": "administrator@vsphere.local", "password": "x"}]`:                           "there twice",
		`"roles": [{"name": "R"}, {"name": "r"}]`:                                                       "there twice",
		`"permissions": [{"path": "DC0", "principal": "administrator@vsphere.local", "role": "Admin"}]`: "does not begin with /",
		`"permissions": [{"path": "/", "principal": "x", "role": "Admin"}]`:                             "no user or group",
		`"permissions": [{"path": "/", "principal": "administrator@vsphere.local", "role": ""}]`:        "there is no role",
		`"permissions": [{"path": "/", "principal": "g", "group": true, "role": "Admin"}]`:              "no user or group",
		`"usage": {"cpu_percent": 200}`:                                                                 "not within",
	} {
		if _, err := Parse([]byte("{" + wrong + "}")); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", wrong, err, want)
		}
	}
	_, err := Parse([]byte(`{"users": [{"name": "a", "password": "x", "groups": ["g"]}], "permissions": [{"path": "/", "principal": "G", "group": true, "role": "ReadOnly"}]}`))
	if err != nil {
		t.Error(err)
	}
}
