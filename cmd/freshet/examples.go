package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

// addExamples gives every command that has none of its own the examples of
// this table: `--help`, the man pages and docs/cli.md show them, and a test
// reads their command lines as the program would.
func addExamples(root *cobra.Command) {
	list := examples()
	eachCommand(root, func(cmd *cobra.Command) {
		if lines := list[cmd.CommandPath()]; cmd.Example == "" && lines != nil {
			cmd.Example = "  " + strings.Join(lines, "\n  ")
		}
	})
}

func examples() map[string][]string {
	return map[string][]string{
		"freshet": {
			"freshet serve --config freshet.yaml",
			"freshet media import films.jsonl",
			"freshet purge 93ab850b4f6f46e9 --wait --timeout 10m",
			"freshet prefetch 93ab850b4f6f46e9 --formats m3u8 --slices 5",
			"freshet pops",
		},
		"freshet domain list":     {"freshet domain list", "freshet domain list --all --status checking"},
		"freshet domain stop":     {"freshet domain stop vod.example.com"},
		"freshet domain start":    {"freshet domain start vod.example.com"},
		"freshet domain approve":  {"freshet domain approve vod.example.com"},
		"freshet domain remove":   {"freshet domain remove vod.example.com"},
		"freshet media import":    {"freshet media import films.jsonl", "freshet media list --json | jq -c 'select(.Title | test(\"Part 2\"))' | freshet media import -"},
		"freshet media list":      {"freshet media list", "freshet media list --json > films.jsonl"},
		"freshet media show":      {"freshet media show 93ab850b4f6f46e9"},
		"freshet jobs":            {"freshet jobs --failed", "freshet jobs --limit 5 --json | jq -r '.jobs[].id'"},
		"freshet task":            {"freshet task 1000000001", "freshet task 1000000001 --json | jq '.deliveries[] | {pop, outcome}'"},
		"freshet pops":            {"freshet pops", "freshet pops --json | jq -r '.pops[] | select(.ready | not) | .id'"},
		"freshet pop":             {"freshet pop --config edge-1.yaml"},
		"freshet pop add":         {"freshet pop add edge-1 --parent shield > edge-1.token"},
		"freshet pop revoke":      {"freshet pop revoke edge-1"},
		"freshet pop remove":      {"freshet pop remove edge-1"},
		"freshet pop down":        {"freshet pop down edge-1", "freshet pop down edge-1 --cut-off"},
		"freshet pop drain":       {"freshet pop drain edge-1"},
		"freshet pop up":          {"freshet pop up edge-1"},
		"freshet key create":      {"freshet key create --account acme --policy reader.json"},
		"freshet key list":        {"freshet key list --account acme"},
		"freshet key disable":     {"freshet key disable FKexample"},
		"freshet key enable":      {"freshet key enable FKexample"},
		"freshet key delete":      {"freshet key delete FKexample"},
		"freshet key token":       {"freshet key token FKexample --duration 15m --policy reader.json"},
		"freshet account create":  {"freshet account create acme"},
		"freshet account list":    {"freshet account list"},
		"freshet account disable": {"freshet account disable acme"},
		"freshet account enable":  {"freshet account enable acme"},
		"freshet policy set":      {"freshet policy set FKexample --file reader.json"},
		"freshet policy show":     {"freshet policy show FKexample"},
		"freshet policy remove":   {"freshet policy remove FKexample"},
		"freshet webhook show":    {"freshet webhook show"},
		"freshet webhook set":     {"freshet webhook set https://example.com/freshet"},
		"freshet webhook rotate":  {"freshet webhook rotate"},
		"freshet webhook delete":  {"freshet webhook delete"},
		"freshet config check":    {"freshet config check freshet.yaml"},
		"freshet version":         {"freshet version --json"},
		"freshet serve":           {"freshet serve", "freshet serve --config freshet.yaml"},
		"freshet demo":            {"freshet demo", "freshet demo --keep"},
		"freshet backup":          {"freshet backup \"freshet-$(date +%F).tar\" --data /var/lib/freshet"},
		"freshet restore":         {"freshet restore freshet-2026-01-02.tar --data /var/lib/freshet"},
		"freshet evidence verify": {"freshet evidence verify --data /var/lib/freshet"},
		"freshet secrets rotate":  {"freshet secrets rotate --data /var/lib/freshet"},
	}
}

// topics are pages of help that are no commands.
func topics() []*cobra.Command {
	var codes strings.Builder
	for _, e := range exitCodes() {
		fmt.Fprintf(&codes, "  %3d  %s\n", e.code, e.meaning)
	}
	var env strings.Builder
	for _, v := range environment() {
		fmt.Fprintf(&env, "  %s\n      %s\n", v.Name, v.Text)
	}
	return []*cobra.Command{
		{Use: "exit-codes", Short: "How commands end", Long: "How commands end, which scripts can rely on:\n\n" + codes.String()},
		{Use: "environment", Short: "The variables that commands read", Long: "The variables that commands read:\n\n" + env.String()},
		{
			Use: "output", Short: "Tables for people, JSON for programs",
			Long: `Without --json commands print tables for people, which may change from release to
release. With --json they print one JSON object, or JSON Lines where the list may
be long; its fields are in docs/cli.md and in the man pages, and stay. Then
standard error has one thing only: if the exit code is not 0, one line of JSON
that says why (type, title, detail, code, exit_code, as in RFC 9457).

Messages and progress go to standard error. Bars are drawn on terminals; elsewhere
what takes long says so at most every ten seconds.`,
		},
	}
}
