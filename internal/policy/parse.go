package policy

import (
	"errors"
	"fmt"
	"strings"

	"github.com/freshet-vod/freshet"
)

// MaxSize bounds a document in bytes, and with it the cost of a decision.
const MaxSize = 16 << 10

// Parse reads a document. Everything in it must be understood: an unknown key,
// operator or form is an error that names its place. The error is a
// [*freshet.Error] of CodeInvalid.
func Parse(b []byte) (*Policy, error) {
	p, err := parse(b)
	if err != nil {
		return nil, &freshet.Error{Code: freshet.CodeInvalid, Field: "policy", Message: "The policy cannot be used: " + err.Error() + "."}
	}
	return p, nil
}

func parse(b []byte) (*Policy, error) {
	if len(b) > MaxSize {
		return nil, fmt.Errorf("it is longer than %d bytes", MaxSize)
	}
	root, err := parseJSON(b)
	if err != nil {
		return nil, err
	}
	if root.is != '{' {
		return nil, errors.New("it is not a JSON object")
	}
	var p Policy
	var version, statements bool
	for _, m := range root.members {
		switch m.key {
		case "Version":
			if s, ok := m.value.text(); !ok || s != "1" {
				return nil, errors.New(`the Version must be "1"`)
			}
			version = true
		case "Statement":
			statements = true
			if p.statements, err = parseStatements(m.value); err != nil {
				return nil, err
			}
		default:
			return nil, fmt.Errorf("the key %q is unknown: it may hold Version and Statement", clip(m.key))
		}
	}
	if !version || !statements {
		return nil, errors.New("both Version and Statement are needed")
	}
	return &p, nil
}

func parseStatements(n node) ([]statement, error) {
	if n.is != '[' || len(n.list) == 0 {
		return nil, errors.New("the Statement must be a list, and not empty")
	}
	out := make([]statement, len(n.list))
	for i, s := range n.list {
		var err error
		if out[i], err = parseStatement(s); err != nil {
			return nil, fmt.Errorf("Statement[%d]%w", i, err)
		}
	}
	return out, nil
}

// parseStatement reads a statement; its errors continue the statement's place.
func parseStatement(n node) (statement, error) {
	var st statement
	if n.is != '{' {
		return st, errors.New(" must be an object")
	}
	effect := false
	for _, m := range n.members {
		var err error
		switch m.key {
		case "Effect":
			s, _ := m.value.text()
			if s != "Allow" && s != "Deny" {
				return st, errors.New(".Effect must be Allow or Deny")
			}
			effect, st.deny = true, s == "Deny"
		case "Action":
			st.actions, err = texts(m.value, parseAction)
		case "Resource":
			st.resources, err = texts(m.value, parseTarget)
		case "Condition":
			st.conditions, err = parseConditions(m.value)
		default:
			return st, fmt.Errorf(": the key %q is unknown: it may hold Effect, Action, Resource and Condition", clip(m.key))
		}
		if err != nil {
			return st, fmt.Errorf(".%s%w", m.key, err)
		}
	}
	if !effect || st.actions == nil || st.resources == nil {
		return st, errors.New(": Effect, Action and Resource are all needed")
	}
	return st, nil
}

// texts reads a text or a list of texts.
func texts[T any](n node, read func(string) (T, error)) ([]T, error) {
	items := n.oneOrMore()
	if len(items) == 0 {
		return nil, errors.New(" may not be an empty list")
	}
	out := make([]T, len(items))
	for i, item := range items {
		s, ok := item.text()
		if !ok {
			return nil, errors.New(" must be a text or a list of texts")
		}
		var err error
		if out[i], err = read(s); err != nil {
			return nil, fmt.Errorf(": %w", err)
		}
	}
	return out, nil
}

// parseAction reads "*" or SERVICE:NAME, where NAME is a pattern.
func parseAction(s string) (string, error) {
	if s == "*" {
		return s, nil
	}
	service, name, ok := strings.Cut(s, ":")
	if !ok || name == "" || strings.Contains(name, ":") {
		return "", fmt.Errorf("%q is neither * nor of the form vod:NAME", clip(s))
	}
	service, name = strings.ToLower(service), strings.ToLower(name)
	if service != "vod" && service != "freshet" {
		return "", fmt.Errorf("%q is of the service %q: the actions here are those of vod and freshet", clip(s), clip(service))
	}
	for i := range len(name) {
		if c := name[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '*' && c != '?' {
			return "", fmt.Errorf("%q: the name of an action is made of letters and digits, * and ?", clip(s))
		}
	}
	return service + ":" + name, nil
}

func parseConditions(n node) ([]condition, error) {
	if n.is != '{' {
		return nil, errors.New(" must be an object")
	}
	var out []condition
	for _, operator := range n.members {
		if operator.value.is != '{' {
			return nil, fmt.Errorf(".%s must be an object", clip(operator.key))
		}
		if len(operator.value.members) == 0 {
			return nil, fmt.Errorf(".%s may not be empty", clip(operator.key))
		}
		for _, key := range operator.value.members {
			c, err := newCondition(operator.key, key.key, key.value.oneOrMore())
			if err != nil {
				return nil, fmt.Errorf(".%s: %w", clip(operator.key), err)
			}
			out = append(out, c)
		}
	}
	return out, nil
}
