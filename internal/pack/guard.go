package pack

import (
	"errors"
	"fmt"
	"strings"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/conf"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/parser"

	"comity/internal/procedure"
)

// maxGuard bounds the text of one guard; a longer one is two rules.
const maxGuard = 1000

// parseGuard reads a guard. The library reads the syntax; what comes out is the kernel's own tree of the
// few things a guard may say, so that the checker can read it, it always ends, and nothing else of the
// library's language is there. The error says at which character.
func parseGuard(src string) (procedure.Guard, error) {
	if strings.TrimSpace(src) == "" {
		return procedure.Guard{}, nil
	}
	if len(src) > maxGuard {
		return procedure.Guard{}, fmt.Errorf("a guard is at most %d bytes long; cut it into two acts or a fact", maxGuard)
	}
	// The library has functions of the same name as some calls of guards ("all"); ours come first.
	ours := conf.CreateNew()
	for name := range guardCalls {
		ours.Functions[name] = nil
	}
	tree, err := parser.ParseWithConfig(src, ours)
	if err != nil {
		var at *file.Error
		if errors.As(err, &at) {
			return procedure.Guard{}, fmt.Errorf("character %d: %s", at.Column+1, at.Message)
		}
		return procedure.Guard{}, err
	}
	root, err := guardNode(tree.Node)
	if err == nil && root.Op.Texts() && root.Op != procedure.OpForm {
		err = odd(tree.Node, "a text is not a condition; compare it with == or in")
	}
	return procedure.Guard{Src: src, Root: root}, err
}

func odd(n ast.Node, format string, args ...any) error {
	return fmt.Errorf("character %d: %s", n.Location().From+1, fmt.Sprintf(format, args...))
}

var guardOps = map[string]procedure.GuardOp{
	"&&": procedure.OpAnd, "and": procedure.OpAnd, "||": procedure.OpOr, "or": procedure.OpOr,
	"==": procedure.OpEq, "!=": procedure.OpNe,
}

// guardFlags are names without an argument, guardCalls those that are about something.
var (
	guardFlags = map[string]procedure.GuardOp{"top": procedure.OpTop, "contact": procedure.OpContact, "joint": procedure.OpJoint, "level": procedure.OpLevel}
	guardCalls = map[string]procedure.GuardOp{"open": procedure.OpOpen, "outcome": procedure.OpOutcome, "running": procedure.OpRunning,
		"expired": procedure.OpExpired, "done": procedure.OpDone, "all": procedure.OpAll, "some": procedure.OpSome, "member": procedure.OpMember}
)

func guardNode(n ast.Node) (*procedure.Node, error) {
	switch x := n.(type) {
	case *ast.StringNode:
		return &procedure.Node{Op: procedure.OpText, List: []string{x.Value}}, nil
	case *ast.IdentifierNode:
		if op, ok := guardFlags[x.Value]; ok {
			return &procedure.Node{Op: op}, nil
		}
		return &procedure.Node{Op: procedure.OpFact, Name: x.Value}, nil
	case *ast.MemberNode:
		base, ok := x.Node.(*ast.IdentifierNode)
		name, text := x.Property.(*ast.StringNode)
		if !ok || !text || base.Value != "form" || x.Optional {
			return nil, odd(n, "only form.NAME has a dot, for a choice or yes field of the act")
		}
		return &procedure.Node{Op: procedure.OpForm, Name: name.Value}, nil
	case *ast.CallNode:
		return guardCall(x)
	case *ast.UnaryNode:
		if x.Operator != "!" && x.Operator != "not" {
			return nil, odd(n, "operator %q is not part of guards; there are == != in && || !", x.Operator)
		}
		return guardOp(procedure.OpNot, x.Node)
	case *ast.BinaryNode:
		if x.Operator == "in" {
			return guardIn(x)
		}
		op, ok := guardOps[x.Operator]
		if !ok {
			return nil, odd(n, "operator %q is not part of guards; there are == != in && || !", x.Operator)
		}
		return guardOp(op, x.Left, x.Right)
	}
	return nil, odd(n, "this is not part of guards: numbers, calculations and calls of any other kind are left out on purpose")
}

func guardOp(op procedure.GuardOp, args ...ast.Node) (*procedure.Node, error) {
	out := &procedure.Node{Op: op}
	for _, a := range args {
		n, err := guardNode(a)
		if err != nil {
			return nil, err
		}
		out.Args = append(out.Args, n)
	}
	return out, nil
}

func guardCall(x *ast.CallNode) (*procedure.Node, error) {
	name, ok := x.Callee.(*ast.IdentifierNode)
	op, known := procedure.GuardOp(""), false
	if ok {
		op, known = guardCalls[name.Value]
	}
	if !known {
		return nil, odd(x, "only open, outcome, running, expired, done, all, some and member can be called")
	}
	if op == procedure.OpAll || op == procedure.OpSome {
		return guardRoll(op, x)
	}
	if len(x.Arguments) == 1 {
		if about, ok := x.Arguments[0].(*ast.StringNode); ok {
			return &procedure.Node{Op: op, Name: about.Value}, nil
		}
	}
	return nil, odd(x, "%s takes one name in quotes", name.Value)
}

// guardRoll reads all('party.consent', 'given', …): a mark of a roll and the values it is held against.
func guardRoll(op procedure.GuardOp, x *ast.CallNode) (*procedure.Node, error) {
	out := &procedure.Node{Op: op}
	for i, a := range x.Arguments {
		s, ok := a.(*ast.StringNode)
		switch {
		case !ok:
			return nil, odd(a, "%s takes texts in quotes: a mark, as in 'party.consent', and the values it is held against", op)
		case i == 0:
			out.Name = s.Value
		default:
			out.List = append(out.List, s.Value)
		}
	}
	if len(out.List) == 0 {
		return nil, odd(x, "%s takes a mark, as in 'party.consent', and at least one value it is held against", op)
	}
	return out, nil
}

func guardIn(x *ast.BinaryNode) (*procedure.Node, error) {
	list, ok := x.Right.(*ast.ArrayNode)
	if !ok {
		return nil, odd(x, "in takes a list, such as ['a', 'b']")
	}
	out, err := guardOp(procedure.OpIn, x.Left)
	if err != nil {
		return nil, err
	}
	for _, v := range list.Nodes {
		s, ok := v.(*ast.StringNode)
		if !ok {
			return nil, odd(v, "the list of in holds texts only")
		}
		out.List = append(out.List, s.Value)
	}
	return out, nil
}
