package manual

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

// Pages returns the man pages, section 1, by the name of their file: one for
// the program and one for each command.
func (m *Manual) Pages() map[string]string {
	out := map[string]string{}
	for _, c := range m.commands() {
		out[pageName(c)+".1"] = m.page(c)
	}
	return out
}

func pageName(c *cobra.Command) string { return strings.ReplaceAll(c.CommandPath(), " ", "-") }

// page writes one man page.
func (m *Manual) page(c *cobra.Command) string {
	var b strings.Builder
	fmt.Fprintf(&b, ".TH %s 1 %q %q %q\n", strings.ToUpper(pageName(c)), m.Date.UTC().Format("2006-01-02"), m.Root.Name()+" "+m.Version, m.Root.Name()+" manual")
	fmt.Fprintf(&b, ".SH NAME\n%s \\- %s\n", roff(pageName(c)), roff(c.Short))
	b.WriteString(".SH SYNOPSIS\n")
	line := synopsis(c)
	fmt.Fprintf(&b, ".B %s\n%s", roff(c.CommandPath()), roffLines(strings.TrimSpace(strings.TrimPrefix(line, c.CommandPath()))))
	b.WriteString(".SH DESCRIPTION\n")
	roffText(&b, description(c))
	if list := below(c); len(list) > 0 {
		b.WriteString(".SH COMMANDS\n")
		for _, sub := range list {
			fmt.Fprintf(&b, ".TP\n.B %s\n%s", roff(sub.CommandPath()), roffLines(sub.Short))
		}
	}
	if list := append(flags(c), shown(c.InheritedFlags())...); len(list) > 0 {
		b.WriteString(".SH OPTIONS\n")
		for _, f := range list {
			names, value, usage := flagText(f)
			term := "\\fB" + roff(names) + "\\fR"
			if value != "" {
				term += " \\fI" + roff(value) + "\\fR"
			}
			fmt.Fprintf(&b, ".TP\n%s\n%s", term, roffLines(usage))
		}
	}
	if m.Output != nil {
		if text := m.Output(c); text != "" {
			b.WriteString(".SH OUTPUT\n")
			roffText(&b, text)
		}
	}
	if c.Example != "" {
		b.WriteString(".SH EXAMPLES\n")
		roffText(&b, c.Example)
	}
	b.WriteString(".SH EXIT STATUS\n")
	for _, e := range m.Exits {
		fmt.Fprintf(&b, ".TP\n.B %s\n%s", roff(e.Code), roffLines(e.Meaning))
	}
	if c == m.Root {
		b.WriteString(".SH ENVIRONMENT\n")
		for _, v := range m.Environment {
			fmt.Fprintf(&b, ".TP\n.B %s\n%s", roff(v.Name), roffLines(v.Text))
		}
	}
	seeAlso(&b, c)
	return b.String()
}

func seeAlso(b *strings.Builder, c *cobra.Command) {
	var pages []string
	if c.HasParent() {
		pages = append(pages, pageName(c.Parent()))
		for _, sibling := range below(c.Parent()) {
			if sibling != c && c.Parent().HasParent() {
				pages = append(pages, pageName(sibling))
			}
		}
	}
	for _, sub := range below(c) {
		pages = append(pages, pageName(sub))
	}
	if len(pages) == 0 {
		return
	}
	b.WriteString(".SH SEE ALSO\n")
	for i, p := range pages {
		end := ","
		if i == len(pages)-1 {
			end = ""
		}
		fmt.Fprintf(b, ".BR %s (1)%s\n", roff(p), end)
	}
}

// roffText writes paragraphs, and those that are indented as examples.
func roffText(b *strings.Builder, text string) {
	parts, code := paragraphs(text)
	for i, part := range parts {
		if i > 0 { // the first one follows its heading
			b.WriteString(".PP\n")
		}
		if code[i] {
			fmt.Fprintf(b, ".in +4n\n.nf\n%s.fi\n.in\n", roffLines(part))
		} else {
			b.WriteString(roffLines(part))
		}
	}
}

// roffLines escapes lines of text and ends the last one. Nothing stays empty:
// an empty line is a paragraph of its own to some.
func roffLines(text string) string {
	if text == "" {
		return ""
	}
	var b strings.Builder
	for line := range strings.SplitSeq(text, "\n") {
		b.WriteString(roff(line))
		b.WriteByte('\n')
	}
	return b.String()
}

// roff escapes one line: what begins with a dot or a quote would be a request,
// and a hyphen must stay one that can be copied.
func roff(line string) string {
	line = strings.NewReplacer(`\`, `\e`, "-", `\-`, "…", `\[u2026]`, "→", `\[->]`, "§", `\[sc]`, "'", `\(aq`, "`", `\(ga`, "^", `\(ha`, "~", `\(ti`).Replace(line)
	if strings.HasPrefix(line, ".") {
		line = `\&` + line
	}
	return line
}
