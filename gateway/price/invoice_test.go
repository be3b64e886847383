package price

import (
	"bufio"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"math/big"
	"os"
	"strings"
	"testing"
	"time"

	"windhover/config"
	"windhover/gateway/usage"
)

// invoiceLine is one answer of the golden invoice.
type invoiceLine struct {
	name, pricing string
	record        usage.Record
	usd           string // an expression, or unpriced
}

// The arithmetic of the invoice is evaluated as fractions here and knows nothing of the table.
func TestGoldenInvoice(t *testing.T) {
	t.Parallel()
	table, _ := Compile(&config.File{})
	lines := readInvoice(t, "../../testdata/prices/invoice.txt")
	if len(lines) < 60 {
		t.Errorf("the invoice has %d lines, want 60 at least", len(lines))
	}
	for _, l := range lines {
		r := l.record
		table.Charge(&r, l.pricing)
		got := "unpriced"
		if nano, known := r.CostKnown(); known {
			got = fmt.Sprint(nano)
		}
		want := l.usd
		if want != "unpriced" {
			want = fmt.Sprint(roundNano(fraction(t, l.usd)))
		}
		if got != want {
			q := table.Quote(&r, l.pricing)
			t.Errorf("%s costs %s, want %s = %s: %+v", l.name, got, l.usd, want, q.Bill)
		}
	}
}

func readInvoice(t *testing.T, name string) []invoiceLine {
	t.Helper()
	file, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	var lines []invoiceLine
	for scan := bufio.NewScanner(file); scan.Scan(); {
		text := scan.Text()
		switch {
		case strings.HasPrefix(text, "#") || text == "":
			continue
		case !strings.HasPrefix(text, " "):
			lines = append(lines, invoiceLine{name: text, record: usage.Record{Time: someday, Status: 200, UsageState: usage.Reported}})
			continue
		}
		l := &lines[len(lines)-1]
		key, value, _ := strings.Cut(strings.TrimSpace(text), " ")
		if err := l.set(key, strings.TrimSpace(value)); err != nil {
			t.Fatalf("%s: %v", l.name, err)
		}
	}
	return lines
}

func (l *invoiceLine) set(key, value string) (err error) {
	switch key {
	case "pricing":
		l.pricing = value
	case "day":
		l.record.Time, err = time.Parse(time.DateOnly, value)
	case "usage":
		err = l.record.Usage.UnmarshalJSON([]byte(value))
	case "part":
		var p usage.Part
		err = p.UnmarshalJSON([]byte(value))
		l.record.Parts = append(l.record.Parts, p)
	case "usd":
		l.usd = value
	case "+": // of the line before
		l.usd += " + " + value
	default:
		err = fmt.Errorf("unknown line %s", key)
	}
	return err
}

// fraction is the value of an expression of numbers, + - * / and M for a million.
func fraction(t *testing.T, text string) *big.Rat {
	t.Helper()
	x, err := parser.ParseExpr(text)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return evaluate(t, x)
}

func evaluate(t *testing.T, x ast.Expr) *big.Rat {
	t.Helper()
	switch x := x.(type) {
	case *ast.ParenExpr:
		return evaluate(t, x.X)
	case *ast.Ident:
		return big.NewRat(1e6, 1)
	case *ast.BasicLit:
		n, ok := new(big.Rat).SetString(x.Value)
		if !ok {
			t.Fatalf("%s is no number", x.Value)
		}
		return n
	case *ast.BinaryExpr:
		a, b := evaluate(t, x.X), evaluate(t, x.Y)
		switch x.Op {
		case token.ADD:
			return a.Add(a, b)
		case token.SUB:
			return a.Sub(a, b)
		case token.MUL:
			return a.Mul(a, b)
		case token.QUO:
			return a.Quo(a, b)
		}
	}
	t.Fatalf("no way to evaluate %T", x)
	return nil
}
