package rpctest

import (
	"bufio"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// node is the SDK for Node, in a process of its own: signature V1, with the
// parameters in the query (GET) or all of them in the body (POST).
type node struct {
	access
	method string
	in     *json.Encoder
	out    *bufio.Scanner
}

// Node returns the SDK for Node as two clients, GET and POST, of one process
// that ends with the test. program is the Node program that makes the calls;
// packages is the folder with the SDK.
func Node(t *testing.T, program, packages, endpoint, keyID, secret string) []Client {
	t.Helper()
	path, err := exec.LookPath("node")
	if err == nil {
		_, err = os.Stat(filepath.Join(packages, "@alicloud", "pop-core"))
	}
	if err != nil {
		t.Fatal("this test needs Node and the vendor's SDK for it: run scripts/ensure-test-tools: ", err)
	}
	cmd := exec.CommandContext(t.Context(), path, program) //nolint:gosec // the test's own program
	cmd.Env = append(cmd.Environ(), "NODE_PATH="+packages)
	var faults strings.Builder
	cmd.Stderr = &faults
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = in.Close() // its end ends the program
		if err := cmd.Wait(); err != nil && t.Context().Err() == nil || faults.Len() > 0 {
			t.Errorf("the program ended with %v\n%s", err, faults.String())
		}
	})
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 16<<20)
	n := node{access: access{endpoint: endpoint, keyID: keyID, secret: secret}, in: json.NewEncoder(in), out: lines}
	get, post := n, n
	get.method, post.method = "GET", "POST"
	return []Client{get, post}
}

// Name implements [Client].
func (n node) Name() string { return "Node, " + n.method }

// As implements [Client].
func (n node) As(c Credentials) Client {
	if c.Bearer != "" {
		return nil
	}
	n.access = n.as(c)
	return n
}

// Decodes implements [Client].
func (node) Decodes() bool { return true }

// Has implements [Client]: the SDK takes any name.
func (node) Has(string) bool { return true }

// Sees implements [Client]: the SDK returns whatever came.
func (node) Sees(_, _ string) bool { return true }

// Call implements [Client].
func (n node) Call(action string, params map[string]string) (Answer, *Failure) {
	if params == nil {
		params = map[string]string{}
	}
	err := n.in.Encode(map[string]any{
		"endpoint": "http://" + n.endpoint, "id": n.keyID, "secret": n.secret, "token": n.token,
		"method": n.method, "action": action, "params": params,
	})
	if err != nil {
		return nil, &Failure{Message: "telling the program: " + err.Error()}
	}
	if !n.out.Scan() {
		return nil, &Failure{Message: "the program does not answer"}
	}
	var result struct {
		Answer  map[string]any
		Status  int
		Failure *struct {
			Code, Name, Message, RequestID string
			Status                         int
		}
	}
	d := json.NewDecoder(strings.NewReader(n.out.Text()))
	d.UseNumber()
	if err := d.Decode(&result); err != nil {
		return nil, &Failure{Message: "decoding: " + err.Error()}
	}
	if f := result.Failure; f != nil {
		return nil, &Failure{Status: f.Status, Code: f.Code, Message: f.Message, RequestID: f.RequestID, Comment: f.Name}
	}
	if result.Status != 200 {
		return nil, &Failure{Status: result.Status, Message: "the SDK took it for a good answer"}
	}
	return result.Answer, nil
}
