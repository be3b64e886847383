package usage

// maxExact is 2^53: beyond it, JSON numbers lose digits on their way through most programs.
const maxExact = 1 << 53

// totalDoubt is the one doubt that does not make a record partial: which of three numbers is wrong cannot be known.
const totalDoubt = "total_tokens is not input_tokens + output_tokens"

// doubts says what cannot be in these numbers, each in a short fixed text. The numbers stay as the provider gave them:
// only cost and sums take an impossible one as 0, or a part as no more than its total.
func doubts(u *Usage) []string {
	var found []string
	for f := range u.reported.all() {
		v := u.number(f)
		if problem := impossible(f, v); problem != "" {
			found = append(found, f.String()+problem)
			continue
		}
		whole, isPart := f.total()
		if isPart && u.reported.has(whole) && compare(v, u.number(whole)) > 0 {
			found = append(found, f.String()+" is above "+whole.String())
		}
	}
	if !addsUp(u) {
		found = append(found, totalDoubt)
	}
	return found
}

func impossible(f Field, v value) string {
	switch {
	case v.kind == integer && 0 <= v.n && v.n <= maxExact:
		return "" // as nearly all are
	case v.float() < 0:
		return " is negative"
	case compare(v, ofInt(maxExact)) > 0:
		return " is above 2^53"
	case f.whole() && v.kind == decimal:
		return " is not a whole number"
	}
	return ""
}

// addsUp compares the provider's total with what it should be the total of. Embeddings have no output, and that is no doubt.
func addsUp(u *Usage) bool {
	total, input := u.number(TotalTokens), u.number(InputTokens)
	if !total.there() || !input.there() {
		return true
	}
	return compare(total, addThere(input, u.number(OutputTokens))) == 0
}
