package config

import (
	"encoding"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"

	"github.com/freshet-vod/freshet"
)

// maxFile bounds the configuration file. It is far above any real one and
// keeps a wrong path (a video, a device) from being read into memory.
const maxFile = 1 << 20

// decode reads a YAML document into c. It walks the parsed tree itself, and
// not by the library's decoder, because that stops at the first fault: here
// every unknown key and every malformed value is told at once, each with its
// place.
func decode(text []byte, c *Config, f *faults) error {
	file, err := parse(text)
	if err != nil {
		return syntaxError(f.file, err)
	}
	d := decoder{faults: f}
	for i, doc := range file.Docs {
		if doc.Body == nil {
			continue
		}
		if i > 0 {
			f.at(placeOf(doc.Body), "", "the file holds more than one document")
			continue
		}
		d.value("", doc.Body, reflect.ValueOf(c).Elem())
	}
	return nil
}

// parse calls the library, which is fed by hand and must not take the process
// down: a panic on some odd text becomes an ordinary syntax error.
func parse(text []byte) (file *ast.File, err error) {
	defer func() {
		if p := recover(); p != nil {
			file, err = nil, fmt.Errorf("text cannot be parsed: %v", p)
		}
	}()
	return parser.ParseBytes(text, 0)
}

func syntaxError(file string, err error) error {
	e := &freshet.Error{Code: freshet.CodeInvalid, Message: file + ": " + err.Error()}
	if y, ok := err.(yaml.Error); ok { //nolint:errorlint // the library returns it bare, and its type is an interface
		msg := y.GetMessage()
		e.Message = fmt.Sprintf("%s: %s", file, msg)
		if t := y.GetToken(); t != nil && t.Position != nil {
			e.Message = fmt.Sprintf("%s:%d:%d: %s", file, t.Position.Line, t.Position.Column, msg)
			e.Sub = []freshet.Sub{{Line: t.Position.Line, Message: msg}}
		}
	}
	return e
}

type decoder struct{ *faults }

func (d *decoder) value(key string, n ast.Node, v reflect.Value) {
	at := placeOf(n)
	d.where[key] = at
	if v.Kind() == reflect.Pointer {
		v.Set(reflect.New(v.Type().Elem()))
		v = v.Elem()
	}
	switch n := n.(type) {
	case *ast.NullNode: // a key without a value keeps its default
		return
	case *ast.AnchorNode, *ast.AliasNode, *ast.TagNode:
		d.at(at, key, "anchors, aliases and tags are not supported")
		return
	case *ast.MappingNode:
		d.mapping(key, n, n.Values, v)
		return
	case *ast.MappingValueNode:
		d.mapping(key, n, []*ast.MappingValueNode{n}, v)
		return
	case *ast.SequenceNode:
		d.sequence(key, n, v)
		return
	}
	d.scalar(key, n, v)
}

func (d *decoder) mapping(key string, n ast.Node, pairs []*ast.MappingValueNode, v reflect.Value) {
	if v.Kind() != reflect.Struct {
		d.at(placeOf(n), key, "expects %s, not keys", expects(v))
		return
	}
	for _, pair := range pairs {
		name := pair.Key.GetToken().Value
		field, ok := fieldByKey(v, name)
		if !ok {
			d.at(placeOf(pair.Key), join(key, name), "unknown key; known here: %s", strings.Join(Keys(v.Type()), ", "))
			continue
		}
		d.value(join(key, name), pair.Value, field)
	}
}

func (d *decoder) sequence(key string, n *ast.SequenceNode, v reflect.Value) {
	if v.Kind() != reflect.Slice {
		d.at(placeOf(n), key, "expects %s, not a list", expects(v))
		return
	}
	v.Set(reflect.MakeSlice(v.Type(), len(n.Values), len(n.Values)))
	for i, item := range n.Values {
		d.value(key+"["+strconv.Itoa(i)+"]", item, v.Index(i))
	}
}

// scalar sets v from the text of n, as it stands in the file: a duration of
// 010 or a port that YAML would take for a number in base 60 is seen as it was
// written.
func (d *decoder) scalar(key string, n ast.Node, v reflect.Value) {
	text := n.GetToken().Value
	quoted := false
	switch n := n.(type) {
	case *ast.StringNode:
		text, quoted = n.Value, true
	case *ast.LiteralNode:
		text, quoted = n.Value.Value, true
	}
	if v.Kind() == reflect.String && !quoted && !isText(v) {
		d.at(placeOf(n), key, "%s is not text; quote it", text)
		return
	}
	if problem := setScalar(v, text); problem != "" {
		d.at(placeOf(n), key, "%q %s", text, problem)
	}
}

// setScalar sets v from text, and returns what is wrong with it, if anything
// is.
func setScalar(v reflect.Value, text string) string {
	if u, ok := reflect.TypeAssert[encoding.TextUnmarshaler](v.Addr()); ok {
		if err := u.UnmarshalText([]byte(text)); err != nil {
			return err.Error()
		}
		return ""
	}
	switch v.Kind() { //nolint:exhaustive // the kinds that Config uses; a test walks all of its fields
	case reflect.String:
		v.SetString(text)
	case reflect.Bool:
		if text != "true" && text != "false" {
			return "is not true or false"
		}
		v.SetBool(text == "true")
	case reflect.Int:
		n, err := strconv.Atoi(text)
		if err != nil {
			return "is not a whole number"
		}
		v.SetInt(int64(n))
	default:
		return "stands where " + expects(v) + " is expected"
	}
	return ""
}

func isText(v reflect.Value) bool {
	_, ok := reflect.TypeAssert[encoding.TextUnmarshaler](v.Addr())
	return ok
}

func expects(v reflect.Value) string {
	switch v.Kind() { //nolint:exhaustive // all others are single values
	case reflect.Struct:
		return "keys"
	case reflect.Slice:
		return "a list"
	}
	return "a single value"
}

// Keys returns the keys of a struct of this package, in order.
func Keys(t reflect.Type) []string {
	keys := make([]string, 0, t.NumField())
	for f := range t.Fields() {
		keys = append(keys, f.Tag.Get("yaml"))
	}
	return keys
}

func fieldByKey(v reflect.Value, name string) (reflect.Value, bool) {
	i := slices.Index(Keys(v.Type()), name)
	if i < 0 {
		return reflect.Value{}, false
	}
	return v.Field(i), true
}

func placeOf(n ast.Node) place {
	if t := n.GetToken(); t != nil && t.Position != nil {
		return place{line: t.Position.Line, column: t.Position.Column}
	}
	return place{}
}

func join(key, name string) string {
	if key == "" {
		return name
	}
	return key + "." + name
}
