package main

import (
	"encoding"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/client"
	"github.com/freshet-vod/freshet/internal/app"
)

// form is what a command prints with --json.
type form struct {
	of    any    // a value of its type
	key   string // if set, the object has this one member, a list of them
	lines bool   // one object a line
	note  string // what else there is to say
	none  string // why there is no form for programs
}

// forms is the one table of them. A command that is not in it fails a test; so
// does one that prints a field that its form does not have.
func forms() map[string]form {
	pop, domain, key, account, webhook := form{of: freshet.POPStatus{}}, form{of: freshet.Domain{}}, form{of: client.Key{}}, form{of: client.Account{}}, form{of: client.Webhook{}}
	job := form{of: freshet.Receipt{}, note: "More than 20 media: one object a line for each job. With --wait: the job's last report, as `freshet job` prints it."}
	policy := form{of: policyAnswer{}}
	return map[string]form{
		"freshet account create": account, "freshet account disable": account, "freshet account enable": account,
		"freshet account list":    {of: client.Account{}, key: "accounts"},
		"freshet audit":           {of: freshet.AuditRecord{}, key: "records"},
		"freshet audit export":    {of: freshet.AuditRecord{}, lines: true, note: "With and without --json."},
		"freshet backup":          {of: result(app.Backup)},
		"freshet callbacks list":  {of: client.Callback{}, key: "callbacks"},
		"freshet callbacks retry": {of: "", key: "retried"},
		"freshet completion":      {none: "it prints a script for a shell"},
		"freshet config check":    {of: configAnswer{}},
		"freshet demo":            {none: "it tells a story; its exit code is 0 if every check held"},
		"freshet domain add":      domain, "freshet domain stop": domain, "freshet domain start": domain, "freshet domain approve": domain, "freshet domain auth": domain,
		"freshet domain list":     {of: freshet.Domain{}, key: "domains"},
		"freshet domain remove":   {of: removed{}},
		"freshet evidence export": {of: freshet.EvidenceLine{}, lines: true, note: "With and without --json."},
		"freshet evidence verify": {of: result(app.VerifyEvidence)},
		"freshet job":             {of: freshet.JobReport{}, note: "With --watch: one object a line, at once and at each change. With --tasks: one task a line, with id, media and url."},
		"freshet jobs":            {of: client.JobPage{}},
		"freshet key create":      key, "freshet key disable": key, "freshet key enable": key,
		"freshet key delete":     {of: deleted{}},
		"freshet key list":       {of: client.Key{}, key: "keys"},
		"freshet key token":      {of: client.Token{}},
		"freshet man":            {of: manAnswer{}},
		"freshet media import":   {of: importAnswer{}},
		"freshet media list":     {of: freshet.Media{}, lines: true},
		"freshet media show":     {of: freshet.Media{}},
		"freshet plan prefetch":  {of: freshet.DryRun{}},
		"freshet plan purge":     {of: freshet.DryRun{}},
		"freshet policy set":     policy,
		"freshet policy remove":  policy,
		"freshet policy show":    {note: "The policy itself, in the vendor's RAM form; null if the key has none."},
		"freshet pop":            {none: "it runs a POP; its log can be JSON (log.format)"},
		"freshet pop add":        {of: freshet.Invitation{}},
		"freshet pop down":       pop,
		"freshet pop drain":      pop,
		"freshet pop up":         pop,
		"freshet pop revoke":     pop,
		"freshet pop remove":     {of: removed{}},
		"freshet pops":           {of: freshet.POPStatus{}, key: "pops"},
		"freshet prefetch":       job,
		"freshet purge":          job,
		"freshet restore":        {of: result(app.Restore)},
		"freshet secrets rotate": {of: rotated{}},
		"freshet serve":          {none: "it runs the control plane; its log can be JSON (log.format)"},
		"freshet takedown":       withNote(job, " With --list: `takedowns`, a list of "+fieldsOf(freshet.TakedownRecord{})+"."),
		"freshet task":           {of: freshet.TaskReport{}},
		"freshet version":        {of: releaseInfo{}},
		"freshet webhook show":   webhook, "freshet webhook set": webhook, "freshet webhook rotate": webhook,
		"freshet webhook delete": {of: struct{}{}},
	}
}

func withNote(f form, more string) form {
	f.note += more
	return f
}

// result is an empty value of what a function returns.
func result(function any) any { return reflect.Zero(reflect.TypeOf(function).Out(0)).Interface() }

// Answers that only the command line gives.
type (
	removed struct {
		Removed string `json:"removed"`
	}
	deleted struct {
		ID      string `json:"id"`
		Deleted bool   `json:"deleted"`
	}
	policyAnswer struct {
		ID      string `json:"id"`
		Changed bool   `json:"changed"`
	}
	configAnswer struct {
		File string `json:"file"`
		OK   bool   `json:"ok"`
		Role string `json:"role"`
	}
	rotated struct {
		KeyFile string `json:"key_file"`
		Key     string `json:"key"`
	}
)

// outputText is what the manual says of a command's form.
func outputText(cmd *cobra.Command) string {
	f, ok := forms()[cmd.CommandPath()]
	if !ok {
		return ""
	}
	var text string
	switch {
	case f.none != "":
		return "No --json: " + f.none + "."
	case f.of == nil:
		return "With --json: " + strings.ToLower(f.note[:1]) + f.note[1:]
	case f.key != "":
		text = fmt.Sprintf("With --json: one object with `%s`, a list of %s.", f.key, fieldsOf(f.of))
	case f.lines:
		text = fmt.Sprintf("With --json: JSON Lines, each with %s.", fieldsOf(f.of))
	default:
		text = fmt.Sprintf("With --json: one object with %s.", fieldsOf(f.of))
	}
	if f.note != "" {
		text += " " + f.note
	}
	return text
}

// fieldsOf lists the names of a value's fields, those below them in brackets;
// a list has [].
func fieldsOf(v any) string {
	if reflect.TypeOf(v).Kind() == reflect.String {
		return "strings"
	}
	fields := jsonFields(reflect.TypeOf(v), 0)
	if len(fields) == 0 {
		return "no fields"
	}
	return wordFields(fields)
}

func wordFields(fields []jsonField) string {
	var out []string
	for _, f := range fields {
		if len(f.below) > 0 {
			f.name += " (" + wordFields(f.below) + ")"
		}
		out = append(out, f.name)
	}
	return strings.Join(out, ", ")
}

// jsonField is a field as it is written.
type jsonField struct {
	name  string // with [] if it is a list
	below []jsonField
}

// maxFieldDepth is how deep fields of fields are listed.
const maxFieldDepth = 3

// jsonFields lists the fields that encoding/json writes of a type.
func jsonFields(t reflect.Type, depth int) []jsonField {
	t = elem(t)
	if t.Kind() != reflect.Struct || opaque(t) || depth >= maxFieldDepth {
		return nil
	}
	var out []jsonField
	for f := range t.Fields() {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name == "-" || !f.IsExported() && !f.Anonymous {
			continue
		}
		if f.Anonymous && name == "" {
			out = append(out, jsonFields(f.Type, depth)...)
			continue
		}
		if name == "" {
			name = f.Name
		}
		if kind := f.Type.Kind(); (kind == reflect.Slice || kind == reflect.Array) && !opaque(f.Type) {
			name += "[]"
		}
		// An outer field comes before one of the same name that is embedded.
		out = slices.DeleteFunc(out, func(o jsonField) bool { return o.name == name })
		out = append(out, jsonField{name, jsonFields(f.Type, depth+1)})
	}
	return out
}

// elem is the type behind pointers and lists.
func elem(t reflect.Type) reflect.Type {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice || t.Kind() == reflect.Array {
		t = t.Elem()
	}
	return t
}

// opaque tells whether a type writes itself, as text or otherwise.
func opaque(t reflect.Type) bool {
	for _, i := range []reflect.Type{reflect.TypeFor[encoding.TextMarshaler](), reflect.TypeFor[json.Marshaler]()} {
		if t.Implements(i) || reflect.PointerTo(t).Implements(i) {
			return true
		}
	}
	return false
}
