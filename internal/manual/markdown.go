package manual

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// Markdown returns the manual as one page, below its head.
func (m *Manual) Markdown() string {
	var b strings.Builder
	b.WriteString("## Exit codes\n\n| code | meaning |\n| --- | --- |\n")
	for _, e := range m.Exits {
		fmt.Fprintf(&b, "| %s | %s |\n", e.Code, cell(e.Meaning))
	}
	b.WriteString("\n## Environment\n\n| variable | meaning |\n| --- | --- |\n")
	for _, v := range m.Environment {
		fmt.Fprintf(&b, "| `%s` | %s |\n", v.Name, cell(v.Text))
	}
	if list := flags(m.Root); len(list) > 0 {
		b.WriteString("\n## Flags of every command\n\n")
		flagTable(&b, list)
	}
	b.WriteString("\n## Commands\n\n| command | what it does |\n| --- | --- |\n")
	for _, c := range m.commands() {
		if c != m.Root && !group(c) {
			fmt.Fprintf(&b, "| [%s](#%s) | %s |\n", c.CommandPath(), pageName(c), cell(c.Short))
		}
	}
	for _, c := range m.commands() {
		if c != m.Root && !group(c) {
			m.chapter(&b, c)
		}
	}
	return b.String()
}

func (m *Manual) chapter(b *strings.Builder, c *cobra.Command) {
	fmt.Fprintf(b, "\n### %s\n\n", c.CommandPath())
	fmt.Fprintf(b, "    %s\n\n", synopsis(c))
	markdownText(b, description(c))
	if list := flags(c); len(list) > 0 {
		flagTable(b, list)
		b.WriteString("\n")
	}
	if c.Example != "" {
		b.WriteString("```sh\n")
		for line := range strings.SplitSeq(c.Example, "\n") {
			b.WriteString(strings.TrimPrefix(line, "  ") + "\n")
		}
		b.WriteString("```\n\n")
	}
	if m.Output != nil {
		if text := m.Output(c); text != "" {
			markdownText(b, text)
		}
	}
	// Chapters are parted by one empty line, which the next one begins with.
	text := strings.TrimRight(b.String(), "\n") + "\n"
	b.Reset()
	b.WriteString(text)
}

func flagTable(b *strings.Builder, list []*pflag.Flag) {
	b.WriteString("| flag | meaning |\n| --- | --- |\n")
	for _, f := range list {
		names, value, usage := flagText(f)
		if value != "" {
			names += " " + value
		}
		fmt.Fprintf(b, "| `%s` | %s |\n", names, cell(usage))
	}
}

// markdownText writes paragraphs, and those that are indented as code.
func markdownText(b *strings.Builder, text string) {
	parts, code := paragraphs(text)
	for i, part := range parts {
		if code[i] {
			fmt.Fprintf(b, "    %s\n\n", strings.ReplaceAll(part, "\n", "\n    "))
			continue
		}
		fmt.Fprintf(b, "%s\n\n", escape(part))
	}
}

func cell(text string) string {
	return strings.ReplaceAll(escape(strings.ReplaceAll(text, "\n", " ")), "|", `\|`)
}

// escape keeps Markdown from reading marks where the text has none.
func escape(text string) string {
	return strings.NewReplacer("<", "&lt;", "*", `\*`, "_", `\_`).Replace(text)
}
