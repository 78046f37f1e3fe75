package inventory

import (
	"reflect"
	"time"
)

// clone copies a value of vSphere's types with everything it points to.
func clone[T any](value T) T {
	out, _ := cloned(reflect.ValueOf(value)).Interface().(T)
	return out
}

func cloned(v reflect.Value) reflect.Value {
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() {
			return v
		}
		out := reflect.New(v.Type().Elem())
		out.Elem().Set(cloned(v.Elem()))
		return out
	case reflect.Interface:
		if v.IsNil() {
			return v
		}
		out := reflect.New(v.Type()).Elem()
		out.Set(cloned(v.Elem()))
		return out
	case reflect.Slice:
		if v.IsNil() {
			return v
		}
		out := reflect.MakeSlice(v.Type(), v.Len(), v.Len())
		for n := range v.Len() {
			out.Index(n).Set(cloned(v.Index(n)))
		}
		return out
	case reflect.Struct:
		out := reflect.New(v.Type()).Elem()
		out.Set(v)
		if _, is := v.Interface().(time.Time); is {
			return out
		}
		for n := range v.NumField() {
			if v.Type().Field(n).IsExported() {
				out.Field(n).Set(cloned(v.Field(n)))
			}
		}
		return out
	default:
		return v
	}
}
