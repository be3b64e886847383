package config

import (
	"fmt"
	"reflect"
	"strings"
	"time"
)

// PriceRows are the price of one model: a row, or several of which each holds for a time.
type PriceRows []PriceRow

// Off reports whether `off` stands in the place of the rows: the model has no price, whatever stands elsewhere. There is one
// row then, which says where.
func (p PriceRows) Off() bool { return len(p) == 1 && p[0].Off }

// PriceRow is what one model costs, in dollars.
type PriceRow struct {
	Pos    Pos    `yaml:"-"`
	YAML   string `yaml:"-"` // path of the row in the file, as in prices.openai/gpt-5
	Broken bool   `yaml:"-"` // a problem was found in it, and what that concerns is left out
	Off    bool   `yaml:"-"` // there is no row: see PriceRows.Off
	Took   bool   `yaml:"-"` // and that took away an entry of a file that this one extends

	PriceRates

	// Reported: what the provider says it charged is the cost; the rates are for answers that do not say.
	Reported *bool `yaml:"reported"`
	// Tiers replace rates for requests with more input; the highest one that fits counts, for the whole request.
	Tiers []PriceTier `yaml:"tiers"`
	// Modes are service tiers with other prices, by name: a factor, or rates that replace the row's.
	Modes map[string]PriceMode `yaml:"modes"`
	// Regions are factors on the price of tokens, by the `region` that the answer reports.
	Regions map[string]Decimal `yaml:"regions"`
	// Also are further names of the same model, as `MODEL` in the key.
	Also TextList `yaml:"also"`

	From  Date `yaml:"from"`  // first day (UTC) that the row holds for; default: always has
	Until Date `yaml:"until"` // first day (UTC) that it holds no more; default: holds on

	Source  Text `yaml:"source"`  // where the price was found, for people
	Checked Date `yaml:"checked"` // when, for people
	Note    Text `yaml:"note"`    // what else there is to say, for people
}

// PriceRates are dollars for what is counted: of tokens, for a million; of anything else, for one.
type PriceRates struct {
	Input          Decimal `yaml:"input"`            // million input tokens; of text, where the others have a rate of their own
	Output         Decimal `yaml:"output"`           // million output tokens, likewise
	CacheRead      Decimal `yaml:"cache_read"`       // million input tokens read from a cache; default: as other input
	CacheWrite     Decimal `yaml:"cache_write"`      // million input tokens written to a cache, for 5 minutes or a time not told; default: as other input
	CacheWrite1h   Decimal `yaml:"cache_write_1h"`   // million input tokens written to a cache for an hour; default: as cache_write
	Reasoning      Decimal `yaml:"reasoning"`        // million reasoning tokens; default: as other output
	InputAudio     Decimal `yaml:"input_audio"`      // million tokens of audio; default: as input; so are the next ones
	OutputAudio    Decimal `yaml:"output_audio"`     // million tokens of audio made; default: as output; so are the next ones
	CacheReadAudio Decimal `yaml:"cache_read_audio"` // million tokens of audio read from a cache; default: as cache_read
	InputImage     Decimal `yaml:"input_image"`      // million tokens of images
	OutputImage    Decimal `yaml:"output_image"`     // million tokens of images made
	CacheReadImage Decimal `yaml:"cache_read_image"` // million tokens of images read from a cache; default: as cache_read
	InputVideo     Decimal `yaml:"input_video"`      // million tokens of video
	OutputVideo    Decimal `yaml:"output_video"`     // million tokens of video made
	Image          Decimal `yaml:"image"`            // picture made
	Second         Decimal `yaml:"second"`           // second of audio, video or computing
	Character      Decimal `yaml:"character"`        // character
	Page           Decimal `yaml:"page"`             // page
	Search         Decimal `yaml:"search"`           // search made for the answer
	Request        Decimal `yaml:"request"`          // request with a good answer
}

// PriceTier is the rates of requests with more input; what it does not give stays.
type PriceTier struct {
	Above Decimal `yaml:"above_input_tokens" jsonschema:"required"` // it holds for more than so many input tokens, cached ones included

	PriceRates
}

// PriceMode is what a service tier costs: a factor on the row's rates but those of searches and requests, or rates that
// replace the row's.
type PriceMode struct {
	Factor Decimal `yaml:"-"` // a number in place of the mapping; empty: rates are given

	PriceRates
}

// Decimal is a number as it was written, in digits with or without a point: never a binary fraction.
type Decimal struct{ Text }

// Date is a day, as in 2026-03-13: its beginning, UTC.
type Date struct {
	Text
	Time time.Time
}

// dateForm is how a day is written.
const dateForm = "2006-01-02"

func (r *PriceRow) place(n *node, broken bool) { r.Pos, r.YAML, r.Broken = n.pos, n.path, broken }

// priceRows are a row, a list of them, or off.
func (d *decoder) priceRows(n *node) PriceRows {
	switch {
	case n.kind == textKind && n.text == "off":
		return PriceRows{{Pos: n.pos, YAML: n.path, Off: true, Took: n.replaces}}
	case n.kind == listKind:
		var rows []PriceRow
		d.list(n, reflect.ValueOf(&rows).Elem())
		return rows
	case n.kind != mappingKind:
		d.wrongKind(n, "a mapping with keys such as input, output, cache_read, a list of them, or off")
		return nil
	}
	rows := make(PriceRows, 1)
	d.structure(n, reflect.ValueOf(&rows[0]).Elem())
	return rows
}

// priceMode is a factor, or rates.
func (d *decoder) priceMode(n *node) PriceMode {
	var mode PriceMode
	if n.kind != mappingKind {
		mode.Factor = d.decimal(n)
		return mode
	}
	if len(n.entries) == 0 {
		d.reject(n, "the mode gives no rates; write a factor such as 0.5, or rates")
	}
	d.keys(n, reflect.ValueOf(&mode).Elem())
	return mode
}

// decimal is a number in plain digits, or a reference to one.
func (d *decoder) decimal(n *node) Decimal {
	x := n.asText()
	switch n.kind {
	case numberKind:
	case textKind:
		if findReference(n.text) < 0 {
			d.reject(n, "%s is no number; write one such as 2.50", quoted(n.text))
			return Decimal{}
		}
		secret, err := expand(n.text, d.resolver(n.pos.File))
		if err != nil {
			d.reject(n, "%s", err)
			return Decimal{}
		}
		if secret.Missing() {
			return Decimal{}
		}
		x.Value, x.Inset = secret.Reveal(), -1
		if !isDecimal(x.Value) {
			d.reject(n, "what stands behind the reference is no number such as 2.50")
			return Decimal{}
		}
	default:
		d.wrongKind(n, "a number such as 2.50")
		return Decimal{}
	}
	switch {
	case strings.HasPrefix(x.Value, "-"):
		d.reject(n, "%s is negative; a price is 0 or more", quoted(x.Value))
	case !isDecimal(x.Value):
		d.reject(n, "%s is not in plain digits; write it as in 0.00025", quoted(x.Value))
	default:
		return Decimal{x}
	}
	return Decimal{}
}

// maxDigits bounds a number on either side of its point.
const maxDigits = 24

func isDecimal(text string) bool {
	whole, fraction, point := strings.Cut(text, ".")
	return areDigits(whole) && (areDigits(fraction) || !point)
}

func areDigits(text string) bool {
	return text != "" && len(text) <= maxDigits && strings.Trim(text, "0123456789") == ""
}

func (d *decoder) date(n *node) Date {
	if n.kind != dateKind && n.kind != textKind {
		d.wrongKind(n, "a day such as 2026-03-13")
		return Date{}
	}
	t, err := time.Parse(dateForm, n.text)
	if err != nil {
		d.reject(n, "%s is no day; write it as in 2026-03-13", quoted(n.text))
		return Date{}
	}
	return Date{n.asText(), t}
}

// maxPriceKey bounds NAME/MODEL, in bytes: what a record keeps of a model's name, and a provider's.
const maxPriceKey = 256 + 1 + maxProviderName

// priceName checks a key of `prices`.
func (d *decoder) priceName(n *node, e entry) {
	name, model, ok := strings.Cut(e.key, "/")
	switch {
	case !ok || model == "":
		d.rejectKey(n, e, "%s names no model; write NAME/MODEL, as in openai/gpt-5 or openai/gpt-5-*", quoted(e.key))
	case !isProviderName(name) || len(name) > maxProviderName:
		d.rejectKey(n, e, "%s is no pricing name; it may hold a-z, 0-9 and, not at its start, . _ -", quoted(name))
	case len(e.key) > maxPriceKey:
		d.rejectKey(n, e, "a key of prices has at most %d characters", maxPriceKey)
	}
}

// CutPriceKey splits a key of `prices`.
func CutPriceKey(key string) (name, model string) {
	name, model, _ = strings.Cut(key, "/")
	return name, model
}

// PriceDocument is a file of prices alone (`--prices`).
type PriceDocument struct {
	Version int                  `yaml:"version" jsonschema:"required,enum=1"` // of the file's format: 1
	Extends Text                 `yaml:"extends"`                              // path of another file of prices, relative to this one
	Prices  map[string]PriceRows `yaml:"prices" form:"price"`                  // by NAME/MODEL
}

// ParsePriceRows reads a row, or a list of them, from YAML in one line, of which JSON is a part. The file's name is for problems.
func ParsePriceRows(file string, data []byte) (PriceRows, error) {
	root, problems := parse(file, append([]byte("rows: "), data...))
	if err := problems.Err(); err != nil {
		return nil, fmt.Errorf("parse price: %w", err)
	}
	d := newLoader(Options{NoSecrets: true}).decoder
	rows := d.priceRows(root.find("rows"))
	if err := d.problems.Err(); err != nil {
		return nil, fmt.Errorf("decode price: %w", err)
	}
	return rows, nil
}
