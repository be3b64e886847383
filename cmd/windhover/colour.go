package main

func (p program) green(text string) string { return p.paint("32", text) }
func (p program) red(text string) string   { return p.paint("31", text) }

// paint colours text where somebody sees it, with an SGR code of ECMA-48.
func (p program) paint(code, text string) string {
	if !p.colour {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}
