package config

import (
	"reflect"
	"strings"
)

// envPrefix begins the name of every variable that is read.
const envPrefix = "FRESHET_"

// Variables lists the environment variables that override keys: every key
// that holds one value and is not inside a list, as FRESHET_ and its path in
// capitals, joined by underscores. Those of `pop` count only beside that key:
// they do not make a POP of a control plane.
//
// A FRESHET_ variable that is not in the list is ignored, unlike an unknown
// key: container platforms make such variables by themselves from the names
// of services.
func Variables() []string {
	var names []string
	c := Default()
	c.POP = &Member{}
	eachScalar("", reflect.ValueOf(c).Elem(), func(key string, _ reflect.Value) {
		names = append(names, variable(key))
	})
	return names
}

// override sets what the environment says. An empty variable counts as unset.
func (c *Config) override(env func(string) string, f *faults) {
	eachScalar("", reflect.ValueOf(c).Elem(), func(key string, v reflect.Value) {
		name := variable(key)
		text := env(name)
		if text == "" {
			return
		}
		f.where[key] = place{variable: name}
		if problem := setScalar(v, text); problem != "" {
			f.add(key, "%q %s", text, problem)
		}
	})
}

func variable(key string) string {
	return envPrefix + strings.ToUpper(strings.ReplaceAll(key, ".", "_"))
}

// eachScalar calls f for every field that holds one value, the nested ones
// included.
func eachScalar(prefix string, v reflect.Value, f func(key string, v reflect.Value)) {
	for field, value := range v.Fields() {
		key := join(prefix, field.Tag.Get("yaml"))
		switch value.Kind() { //nolint:exhaustive // all others are single values
		case reflect.Slice:
		case reflect.Pointer:
			if !value.IsNil() {
				eachScalar(key, value.Elem(), f)
			}
		case reflect.Struct:
			eachScalar(key, value, f)
		default:
			f(key, value)
		}
	}
}
