package main

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/constant"
	"go/token"
	"go/types"
	"strings"
)

// source is one file of the package.
type source struct {
	path string // from the module's root, with slashes
	name string // as the go command knows it
	text []byte
	tree *ast.File
}

// mutant is one small mistake: a text of a file replaced by another.
type mutant struct {
	number     int // in its package, from 1
	file       *source
	start, end int
	with       string
	what       string
	at         int           // its line
	fn         *ast.FuncDecl // what it lies in, nil outside of functions
}

func (m *mutant) place() string { return fmt.Sprintf("%s:%d", m.file.path, m.at) }

// name is what the mutant is called whatever line it is on.
func (m *mutant) name() string { return m.file.path + ": " + m.called() }

func (m *mutant) called() string { return `"` + m.line() + `" ` + m.what }

// line is the first line of what is replaced.
func (m *mutant) line() string {
	from := bytes.LastIndexByte(m.file.text[:m.start], '\n') + 1
	line, _, _ := bytes.Cut(m.file.text[from:], []byte("\n"))
	return strings.TrimSpace(string(line))
}

// mutated is that line with the mistake.
func (m *mutant) mutated() string {
	from := bytes.LastIndexByte(m.file.text[:m.start], '\n') + 1
	rest, _, _ := bytes.Cut(m.file.text[m.end:], []byte("\n"))
	return squeeze(string(m.file.text[from:m.start]) + m.with + string(rest))
}

// squeeze puts a text on one line.
func squeeze(s string) string { return strings.Join(strings.Fields(s), " ") }

// finder goes through one file and notes the mutants.
type finder struct {
	file  *source
	fset  *token.FileSet
	info  *types.Info
	fn    *ast.FuncDecl
	stack []ast.Node
	found []*mutant
}

// find returns the mutants of a file in the order of its text.
func find(file *source, fset *token.FileSet, info *types.Info) []*mutant {
	f := &finder{file: file, fset: fset, info: info}
	for _, decl := range file.tree.Decls {
		f.fn, _ = decl.(*ast.FuncDecl)
		if f.fn != nil && (f.fn.Body == nil || f.fn.Name.Name == "init" && f.fn.Recv == nil) {
			f.fn = nil
		}
		ast.Inspect(decl, func(n ast.Node) bool {
			if n == nil {
				f.stack = f.stack[:len(f.stack)-1]
				return true
			}
			f.visit(n)
			f.stack = append(f.stack, n)
			return true
		})
	}
	return f.found
}

func (f *finder) offset(pos token.Pos) int { return f.fset.Position(pos).Offset }

func (f *finder) text(n ast.Node) string {
	return string(f.file.text[f.offset(n.Pos()):f.offset(n.End())])
}

// replace notes the mutant that has another text from one place to another.
func (f *finder) replace(from, to token.Pos, with, what string) {
	f.found = append(f.found, &mutant{
		file: f.file, start: f.offset(from), end: f.offset(to), with: with, what: squeeze(what),
		at: f.fset.Position(from).Line, fn: f.fn,
	})
}

// become notes the mutant in which n reads otherwise.
func (f *finder) become(n ast.Node, with string) {
	f.replace(n.Pos(), n.End(), with, f.text(n)+" -> "+with)
}

func (f *finder) parent() ast.Node {
	if len(f.stack) == 0 {
		return nil
	}
	return f.stack[len(f.stack)-1]
}

func (f *finder) visit(n ast.Node) {
	switch n := n.(type) {
	case *ast.BinaryExpr:
		f.binary(n)
	case *ast.UnaryExpr:
		if n.Op == token.NOT {
			f.become(n, "("+f.text(n.X)+")")
		}
	case *ast.IfStmt:
		f.force(n.Cond)
	case *ast.CaseClause:
		f.clause(n)
	case *ast.BasicLit:
		f.literal(n)
	case *ast.SelectorExpr:
		f.unit(n)
	case *ast.Ident:
		if f.info.Uses[n] == types.Universe.Lookup("true") {
			f.become(n, "false")
		} else if f.info.Uses[n] == types.Universe.Lookup("false") {
			f.become(n, "true")
		}
	case *ast.AssignStmt:
		f.assignment(n)
	case *ast.IncDecStmt, *ast.ExprStmt, *ast.DeferStmt, *ast.GoStmt, *ast.SendStmt:
		f.without(n)
	case *ast.BranchStmt:
		if n.Tok == token.CONTINUE || n.Tok == token.BREAK {
			f.without(n)
		}
	case *ast.CallExpr:
		f.call(n)
	case *ast.ReturnStmt:
		f.result(n)
	}
}

// without notes the mutant that lacks a statement.
func (f *finder) without(n ast.Node) {
	first, _, more := strings.Cut(f.text(n), "\n")
	if more {
		first += " …"
	}
	f.replace(n.Pos(), n.End(), "", "without "+first)
}

// others are the operators that an operator is mistaken for.
func others(op token.Token) []token.Token {
	switch op {
	case token.LSS:
		return []token.Token{token.LEQ, token.GEQ}
	case token.LEQ:
		return []token.Token{token.LSS, token.GTR}
	case token.GTR:
		return []token.Token{token.GEQ, token.LEQ}
	case token.GEQ:
		return []token.Token{token.GTR, token.LSS}
	case token.EQL:
		return []token.Token{token.NEQ}
	case token.NEQ:
		return []token.Token{token.EQL}
	case token.LAND:
		return []token.Token{token.LOR}
	case token.LOR:
		return []token.Token{token.LAND}
	case token.ADD:
		return []token.Token{token.SUB}
	case token.SUB:
		return []token.Token{token.ADD}
	case token.MUL:
		return []token.Token{token.QUO}
	case token.QUO, token.REM:
		return []token.Token{token.MUL}
	case token.ADD_ASSIGN:
		return []token.Token{token.SUB_ASSIGN}
	case token.SUB_ASSIGN:
		return []token.Token{token.ADD_ASSIGN}
	case token.MUL_ASSIGN:
		return []token.Token{token.QUO_ASSIGN}
	case token.QUO_ASSIGN:
		return []token.Token{token.MUL_ASSIGN}
	default:
		return nil
	}
}

func (f *finder) binary(n *ast.BinaryExpr) {
	x, y := f.offset(n.X.End()), f.offset(n.Y.Pos())
	op := f.offset(n.OpPos)
	for _, other := range others(n.Op) {
		between := string(f.file.text[x:op]) + other.String() + string(f.file.text[op+len(n.Op.String()):y])
		f.replace(n.Pos(), n.End(), "("+f.text(n.X)+between+f.text(n.Y)+")", f.text(n)+" -> "+f.text(n.X)+between+f.text(n.Y))
	}
}

// force notes the mutants in which a condition always holds and never does. It
// is kept behind, so that nothing is left unused.
func (f *finder) force(cond ast.Expr) {
	f.replace(cond.Pos(), cond.End(), "true || ("+f.text(cond)+")", "if "+f.text(cond)+" -> if true")
	f.replace(cond.Pos(), cond.End(), "false && ("+f.text(cond)+")", "if "+f.text(cond)+" -> if false")
}

func (f *finder) clause(n *ast.CaseClause) {
	head := squeeze(string(f.file.text[f.offset(n.Pos()) : f.offset(n.Colon)+1]))
	if len(n.Body) > 0 {
		m := len(n.Body) - 1
		f.replace(n.Colon+1, n.Body[m].End(), "", head+" emptied")
	}
	// In a switch without a tag, the cases are conditions.
	if s, ok := f.stack[len(f.stack)-2].(*ast.SwitchStmt); ok && s.Tag == nil {
		for _, cond := range n.List {
			f.force(cond)
		}
	}
}

func (f *finder) literal(n *ast.BasicLit) {
	if n.Kind != token.INT {
		return
	}
	if array, ok := f.parent().(*ast.ArrayType); ok && array.Len == n {
		return
	}
	more := constant.BinaryOp(constant.MakeFromLiteral(n.Value, n.Kind, 0), token.ADD, constant.MakeInt64(1))
	f.become(n, more.ExactString())
}

// unit notes the mutant with twice a unit of time that stands alone; of one that
// is multiplied, the number is changed.
func (f *finder) unit(n *ast.SelectorExpr) {
	c, ok := f.info.Uses[n.Sel].(*types.Const)
	if !ok || c.Pkg() == nil || c.Pkg().Path() != "time" || c.Type().String() != "time.Duration" {
		return
	}
	if product, ok := f.parent().(*ast.BinaryExpr); ok && product.Op == token.MUL {
		for _, side := range []ast.Expr{product.X, product.Y} {
			if _, number := side.(*ast.BasicLit); number {
				return
			}
		}
	}
	f.become(n, "(2 * "+f.text(n)+")")
}

func (f *finder) assignment(n *ast.AssignStmt) {
	for _, other := range others(n.Tok) {
		if f.numeric(n.Lhs[0]) {
			f.replace(n.TokPos, n.TokPos+token.Pos(len(n.Tok.String())), other.String(), f.text(n)+" -> "+other.String())
		}
	}
	if n.Tok == token.DEFINE {
		return
	}
	for _, left := range n.Lhs {
		if ident, ok := left.(*ast.Ident); !ok || ident.Name != "_" {
			f.without(n)
			return
		}
	}
}

func (f *finder) numeric(e ast.Expr) bool {
	basic, ok := f.info.TypeOf(e).Underlying().(*types.Basic)
	return ok && basic.Info()&types.IsNumeric != 0
}

// call notes the mutant in which nothing is appended.
func (f *finder) call(n *ast.CallExpr) {
	ident, ok := n.Fun.(*ast.Ident)
	if !ok || f.info.Uses[ident] != types.Universe.Lookup("append") || len(n.Args) < 2 {
		return
	}
	if a, ok := f.parent().(*ast.AssignStmt); ok && a.Tok == token.ASSIGN && len(a.Lhs) == 1 && f.text(a.Lhs[0]) == f.text(n.Args[0]) {
		return // the same as without the statement
	}
	f.become(n, f.text(n.Args[0]))
}

// result notes the mutants in which the opposite or no error is returned.
func (f *finder) result(n *ast.ReturnStmt) {
	results := f.signature().Results()
	if results.Len() != len(n.Results) {
		return
	}
	for i, e := range n.Results {
		t := results.At(i).Type()
		switch basic, ok := t.Underlying().(*types.Basic); {
		case types.Identical(t, types.Universe.Lookup("error").Type()):
			if !f.info.Types[e].IsNil() {
				f.replace(e.Pos(), e.End(), "nil", "nil for "+f.text(e))
			}
		case ok && basic.Info()&types.IsBoolean != 0 && !opposed(e):
			f.replace(e.Pos(), e.End(), "!("+f.text(e)+")", "return "+f.text(e)+" -> return !("+f.text(e)+")")
		}
	}
}

// opposed reports whether another mutant has the opposite of the expression.
func opposed(e ast.Expr) bool {
	switch e := e.(type) {
	case *ast.ParenExpr:
		return opposed(e.X)
	case *ast.UnaryExpr:
		return true
	case *ast.Ident:
		return e.Name == "true" || e.Name == "false"
	case *ast.BinaryExpr:
		return e.Op != token.LAND && e.Op != token.LOR
	}
	return false
}

// signature is that of the innermost function around.
func (f *finder) signature() *types.Signature {
	for i := len(f.stack) - 1; i >= 0; i-- {
		switch n := f.stack[i].(type) {
		case *ast.FuncLit:
			return f.info.TypeOf(n).(*types.Signature)
		case *ast.FuncDecl:
			return f.info.Defs[n.Name].Type().(*types.Signature)
		}
	}
	return types.NewSignatureType(nil, nil, nil, nil, nil, false)
}
