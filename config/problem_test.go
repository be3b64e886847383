package config

import "testing"

func TestProblemsAreSortedAndEachOnce(t *testing.T) {
	t.Parallel()
	at := func(line int, path, message string) Problem { return Problem{Pos{"f.yaml", line, 3}, path, message} }
	err := Problems{
		at(9, "providers.b", "later"),
		at(2, "providers.a.timeouts", "in the defaults"),
		at(2, "providers.b.timeouts", "in the defaults"),
		{Pos: Pos{File: "f.yaml"}, Message: "as a whole"},
	}.Err()
	want := "f.yaml: as a whole\nf.yaml:2:3: providers.a.timeouts: in the defaults\nf.yaml:9:3: providers.b: later"
	if err == nil || err.Error() != want {
		t.Errorf("Err() =\n%v\nwant\n%v", err, want)
	}
	if err := (Problems{}).Err(); err != nil {
		t.Errorf("Err() of no problems = %v, want nil", err)
	}
}

func TestProblemAtCountsCharacters(t *testing.T) {
	t.Parallel()
	text := Text{Value: "é == b", Pos: Pos{"f.yaml", 4, 7}, Path: "x", Inset: 1}
	if got, want := text.ProblemAt(len("é == "), "unknown name b").Error(), "f.yaml:4:13: x: unknown name b"; got != want {
		t.Errorf("ProblemAt = %q, want %q", got, want)
	}
	text.Inset = -1
	if got, want := text.ProblemAt(6, "unknown name b").Error(), "f.yaml:4:7: x: unknown name b"; got != want {
		t.Errorf("ProblemAt in a block = %q, want %q", got, want)
	}
}
