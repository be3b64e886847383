package ledger

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"windhover/gateway/usage"
)

const (
	// segmentBytes is after how many a segment is closed and another one begun.
	segmentBytes = 4 << 20

	// maxLine bounds a line of a segment, in bytes: a record has far fewer.
	maxLine = 1 << 20
)

// segment is a file of the spool while it is written: a line of JSON for each record, and before the first record of each
// price a line with the price's row, which records do not hold. Whoever writes or takes in a segment holds a lock on it,
// which ends with the process.
type segment struct {
	file   *os.File
	size   int64
	prices map[string]bool // whose rows are in it
}

// priceLine is the line of a price's row.
type priceLine struct {
	ID  string          `json:"price_row"`
	Row json.RawMessage `json:"row"`
}

var priceLineBegin = []byte(`{"price_row":`)

// append adds records, all of them or none: what a full disk has cut off is taken back.
func (s *segment) append(records []*usage.Record) error {
	var lines bytes.Buffer
	var added []string
	for _, r := range records {
		if p := r.Price; p != nil && !s.prices[p.ID] && json.Valid(p.Row) {
			row, err := json.Marshal(priceLine{p.ID, p.Row})
			if err != nil {
				return fmt.Errorf("encode price row %s: %w", p.ID, err)
			}
			lines.Write(append(row, '\n'))
			s.prices[p.ID] = true
			added = append(added, p.ID)
		}
		line, err := r.MarshalJSON()
		if err != nil {
			return fmt.Errorf("encode record %s: %w", r.ID, err)
		}
		lines.Write(append(line, '\n'))
	}
	n, err := s.file.Write(lines.Bytes())
	if err != nil {
		for _, id := range added {
			delete(s.prices, id)
		}
		if cut := s.file.Truncate(s.size); cut != nil {
			s.size += int64(n)
			err = errors.Join(err, cut)
		}
		return err
	}
	s.size += int64(n)
	return nil
}

// clear takes all records back.
func (s *segment) clear() error {
	if err := s.file.Truncate(0); err != nil {
		return err
	}
	s.size = 0
	clear(s.prices)
	return nil
}

// segmentReader reads a segment's records.
type segmentReader struct {
	lines   *bufio.Reader
	prices  map[string]*usage.Price
	damaged int64 // lines that are no records
}

func newSegmentReader(r io.Reader) *segmentReader {
	return &segmentReader{lines: bufio.NewReaderSize(r, maxLine), prices: map[string]*usage.Price{}}
}

// next is the next record, or io.EOF. What is no record, as the last line that a killed process has left, is counted and
// passed over.
func (s *segmentReader) next() (*usage.Record, error) {
	for {
		line, err := s.lines.ReadSlice('\n')
		if errors.Is(err, bufio.ErrBufferFull) {
			s.damaged++
			if err = s.skipLine(err); err == nil || errors.Is(err, io.EOF) {
				continue
			}
		}
		if err != nil && (len(line) == 0 || !errors.Is(err, io.EOF)) {
			return nil, err
		}
		if bytes.HasPrefix(line, priceLineBegin) {
			s.keepPrice(line)
			continue
		}
		r := new(usage.Record)
		if r.UnmarshalJSON(line) != nil {
			s.damaged++
			continue
		}
		if r.Price != nil && s.prices[r.Price.ID] != nil {
			r.Price = s.prices[r.Price.ID]
		}
		return r, nil
	}
}

// skipLine passes over the rest of a line that ended with err.
func (s *segmentReader) skipLine(err error) error {
	for errors.Is(err, bufio.ErrBufferFull) {
		_, err = s.lines.ReadSlice('\n')
	}
	return err
}

func (s *segmentReader) keepPrice(line []byte) {
	var p priceLine
	if json.Unmarshal(line, &p) != nil || p.ID == "" {
		s.damaged++
		return
	}
	s.prices[p.ID] = &usage.Price{ID: p.ID, Row: p.Row}
}
