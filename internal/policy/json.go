package policy

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"
)

// maxDepth bounds how deep a document may be nested; the deepest rule is a
// value of a condition, at 7.
const maxDepth = 12

// node is a JSON value. encoding/json's own decoding would take keys in any
// case, and the last of two equal ones: the author and the server could then
// disagree about what a policy says.
type node struct {
	value   any // string, bool, json.Number or nil; for lists and objects, nil
	list    []node
	members []member
	is      byte // '[' or '{', or 0
}

type member struct {
	key   string
	value node
}

func (n node) text() (string, bool) { s, ok := n.value.(string); return s, ok }

func (n node) boolean() (value, ok bool) { value, ok = n.value.(bool); return value, ok }

// oneOrMore returns the items of a list, or the value itself.
func (n node) oneOrMore() []node {
	if n.is == '[' {
		return n.list
	}
	return []node{n}
}

// parseJSON reads one JSON value and nothing after it.
func parseJSON(b []byte) (node, error) {
	if !utf8.Valid(b) {
		return node{}, errors.New("it is not valid UTF-8")
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	n, err := readNode(d, 0)
	if err != nil {
		return node{}, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return node{}, errors.New("it holds more than one JSON value")
	}
	return n, nil
}

func readNode(d *json.Decoder, depth int) (node, error) {
	if depth > maxDepth {
		return node{}, errors.New("it is nested too deep")
	}
	token, err := d.Token()
	if err != nil {
		return node{}, notJSON(err)
	}
	delim, ok := token.(json.Delim)
	if !ok {
		return node{value: token}, nil
	}
	n := node{is: byte(delim)} //nolint:gosec // one of four in ASCII
	for d.More() {
		var key string
		if n.is == '{' {
			token, err := d.Token()
			if err != nil {
				return node{}, notJSON(err)
			}
			key, _ = token.(string) // a key of an object is one
			for _, m := range n.members {
				if m.key == key {
					return node{}, fmt.Errorf("the key %q stands there twice", clip(key))
				}
			}
		}
		v, err := readNode(d, depth+1)
		if err != nil {
			return node{}, err
		}
		if n.is == '{' {
			n.members = append(n.members, member{key, v})
		} else {
			n.list = append(n.list, v)
		}
	}
	_, err = d.Token() // the end of the list or object
	return n, notJSON(err)
}

func notJSON(err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errors.New("it is not JSON: it is empty or ends early")
	}
	return fmt.Errorf("it is not JSON: %w", err)
}
