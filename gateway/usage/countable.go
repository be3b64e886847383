package usage

// Countable is the field's number as sums, metrics and cost take it: nothing and what cannot be count as 0, a part as no
// more than its total. What the provider reported stays as it is.
func (u *Usage) Countable(f Field) Number {
	n, reported := u.Number(f)
	if !reported || impossible(f, n.v) != "" {
		return Whole(0)
	}
	whole, isPart := f.total()
	if !isPart || !u.reported.has(whole) {
		return n
	}
	if total := u.Countable(whole); compare(n.v, total.v) > 0 {
		return total
	}
	return n
}
