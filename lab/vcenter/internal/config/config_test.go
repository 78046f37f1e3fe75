package config

import (
	"strings"
	"testing"
)

func TestWhatIsNotThereCannotBeReferredTo(t *testing.T) {
	for key, part := range map[string]string{
		`"clusters": [{"name": "C0", "hosts": 1, "maintenance": ["C0-h1"]}]`:                          `"C0-h1"`,
		`"datastores": [{"name": "ds0", "hosts": ["C9-h0"]}]`:                                         `"C9-h0"`,
		`"network_hosts": {"LAN": ["C0-h0"]}`:                                                         `"LAN"`,
		`"datastores": [{"name": "ds0"}], "datastore_clusters": [{"name": "p", "datastores": ["x"]}]`: `"x"`,
	} {
		_, err := Parse([]byte(`{"inventory": {"datacenters": [{"name": "DC0", ` + key + `}]}}`))
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("%s: %v", key, err)
		}
	}
}
