package main

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/token"
	"path/filepath"
	"strings"
)

// chosen is the variable of the environment that says which mutant to be.
const chosen = "ENDPOINTGUARD_MUTANT"

// choice is a package in which every function comes in all its variants, and
// calls the chosen one: it is compiled once for all of them.
type choice struct {
	files map[string][]byte
	spans map[string][]span // where the variants are, in the order of each file
}

// span is where a mutant's variant of its function stands.
type span struct {
	start, end int
	mutant     *mutant
}

// choice makes that package, of the mutants that lie in functions.
func (p *pkg) choice() *choice {
	c := &choice{files: map[string][]byte{}, spans: map[string][]span{}}
	of := map[*ast.FuncDecl][]*mutant{}
	for _, m := range p.mutants {
		if m.fn != nil {
			of[m.fn] = append(of[m.fn], m)
		}
	}
	for _, s := range p.sources {
		var out bytes.Buffer
		last := 0
		for _, decl := range s.tree.Decls {
			fn, ok := decl.(*ast.FuncDecl)
			if !ok || len(of[fn]) == 0 {
				continue
			}
			from, to := s.at(fn.Pos()), s.at(fn.End())
			out.Write(s.text[last:from])
			v := variants{source: s, fn: fn}
			out.WriteString(v.chooser(of[fn]))
			out.WriteString(v.head(0) + string(s.text[s.at(fn.Body.Pos()):to]) + "\n\n")
			for _, m := range of[fn] {
				start := out.Len()
				out.WriteString(v.head(m.number))
				out.Write(m.apply(s.at(fn.Body.Pos()), to))
				c.spans[s.name] = append(c.spans[s.name], span{start: start, end: out.Len(), mutant: m})
				out.WriteString("\n\n")
			}
			last = to
		}
		out.Write(s.text[last:])
		c.files[s.name] = out.Bytes()
	}
	c.files[filepath.Join(p.abs, "chosen_mutant.go")] = fmt.Appendf(nil, `package %s

import (
	"os"
	"strconv"
)

var chosenMutant, _ = strconv.Atoi(os.Getenv(%q))
`, p.name, chosen)
	return c
}

// mutant returns the one whose variant is at a place, nil if there is none.
func (c *choice) mutant(at token.Position) *mutant {
	for _, s := range c.spans[at.Filename] {
		if s.start <= at.Offset && at.Offset < s.end {
			return s.mutant
		}
	}
	return nil
}

// apply returns a part of the mutant's file with the mistake in it.
func (m *mutant) apply(from, to int) []byte {
	return bytes.Join([][]byte{m.file.text[from:m.start], []byte(m.with), m.file.text[m.end:to]}, nil)
}

// at is the offset of a place in the file.
func (s *source) at(pos token.Pos) int { return int(pos - s.tree.FileStart) }

func (s *source) of(n ast.Node) string { return string(s.text[s.at(n.Pos()):s.at(n.End())]) }

// variants writes the variants of one function.
type variants struct {
	*source
	fn *ast.FuncDecl
}

func (v variants) named(number int) string {
	return fmt.Sprintf("mutant%d_%s", number, v.fn.Name.Name)
}

// head is the function's head under the name of a variant.
func (v variants) head(number int) string {
	name := v.fn.Name
	return string(v.text[v.at(v.fn.Pos()):v.at(name.Pos())]) + v.named(number) + string(v.text[v.at(name.End()):v.at(v.fn.Body.Pos())])
}

// chooser is the function itself: it calls the variant that is chosen.
func (v variants) chooser(mutants []*mutant) string {
	var out strings.Builder
	out.WriteString("func ")
	before := ""
	if v.fn.Recv != nil {
		fmt.Fprintf(&out, "(r %s) ", v.of(v.fn.Recv.List[0].Type))
		before = "r."
	}
	out.WriteString(v.fn.Name.Name)
	types := ""
	if list := v.fn.Type.TypeParams; list != nil {
		out.WriteString(v.of(list))
		var names []string
		for _, field := range list.List {
			for _, name := range field.Names {
				names = append(names, name.Name)
			}
		}
		types = "[" + strings.Join(names, ", ") + "]"
	}
	var params, args []string
	for _, field := range v.fn.Type.Params.List {
		more := ""
		if _, variadic := field.Type.(*ast.Ellipsis); variadic {
			more = "..."
		}
		for range max(1, len(field.Names)) {
			arg := fmt.Sprintf("p%d", len(params))
			params, args = append(params, arg+" "+v.of(field.Type)), append(args, arg+more)
		}
	}
	fmt.Fprintf(&out, "(%s) ", strings.Join(params, ", "))
	call := func(number int) string {
		return before + v.named(number) + types + "(" + strings.Join(args, ", ") + ")"
	}
	if v.fn.Type.Results != nil {
		out.WriteString(v.of(v.fn.Type.Results) + " {\n\tswitch chosenMutant {\n")
		for _, m := range mutants {
			fmt.Fprintf(&out, "\tcase %d:\n\t\treturn %s\n", m.number, call(m.number))
		}
		fmt.Fprintf(&out, "\t}\n\treturn %s\n}\n\n", call(0))
		return out.String()
	}
	out.WriteString("{\n\tswitch chosenMutant {\n")
	for _, m := range mutants {
		fmt.Fprintf(&out, "\tcase %d:\n\t\t%s\n", m.number, call(m.number))
	}
	fmt.Fprintf(&out, "\tdefault:\n\t\t%s\n\t}\n}\n\n", call(0))
	return out.String()
}
