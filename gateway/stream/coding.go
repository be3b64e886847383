package stream

import (
	"bufio"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"fmt"
	"io"
	"strings"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"
)

const (
	maxCodings     = 2       // of a body
	maxZstdWindow  = 8 << 20 // what RFC 9659 lets a sender of Content-Encoding: zstd use
	flateMemory    = 64 << 10
	brotliMemory   = 256 << 10 // without the window
	zstdMemory     = 1 << 20   // without the window
	zstdHeaderSize = 18        // at most, without the first block
)

// contentCodings are the codings that Content-Encoding headers name, in the order in which they were applied.
func contentCodings(headers []string) (codings []string, err error) {
	for name := range strings.SplitSeq(strings.ToLower(strings.Join(headers, ",")), ",") {
		switch name = strings.TrimSpace(name); name {
		case "", "identity":
		case "x-gzip":
			codings = append(codings, "gzip")
		case "gzip", "deflate", "br", "zstd":
			codings = append(codings, name)
		default:
			return nil, fmt.Errorf("%w %.40q", ErrUnknownCoding, name)
		}
	}
	if len(codings) > maxCodings {
		return nil, fmt.Errorf("%w: %d codings, at most %d can be read", ErrUnknownCoding, len(codings), maxCodings)
	}
	return codings, nil
}

// openCoding puts a decoder behind r. Its memory is known from the first bytes, and taken before it is used.
func (c *Content) openCoding(coding string, r io.Reader) (io.Reader, error) {
	b := bufio.NewReader(r)
	switch coding {
	case "gzip":
		return c.openGzip(b)
	case "deflate":
		return c.openDeflate(b)
	case "br":
		return c.openBrotli(b)
	default:
		return c.openZstd(b)
	}
}

func (c *Content) openGzip(b *bufio.Reader) (io.Reader, error) {
	if err := c.take(flateMemory); err != nil {
		return nil, err
	}
	return gzip.NewReader(b)
}

// openDeflate reads zlib data, which `deflate` means (RFC 9110, section 8.4.1.2), or the raw deflate data that some
// servers send under that name.
func (c *Content) openDeflate(b *bufio.Reader) (io.Reader, error) {
	if err := c.take(flateMemory); err != nil {
		return nil, err
	}
	head, err := b.Peek(2)
	if err != nil {
		return nil, short(err)
	}
	if head[0]&0x0f == 8 && (int(head[0])<<8|int(head[1]))%31 == 0 {
		return zlib.NewReader(b)
	}
	return flate.NewReader(b), nil
}

func (c *Content) openBrotli(b *bufio.Reader) (io.Reader, error) {
	head, err := b.Peek(1)
	if err != nil {
		return nil, short(err)
	}
	if err := c.take(brotliMemory + brotliWindow(head[0])); err != nil {
		return nil, err
	}
	return brotli.NewReader(b), nil
}

// brotliWindow is the size of the window that a stream with this first byte needs (RFC 7932, section 9.1).
func brotliWindow(head byte) int64 {
	switch {
	case head&1 == 0:
		return 1 << 16
	case head>>1&7 != 0:
		return 1 << (17 + head>>1&7)
	case head>>4&7 != 0:
		return 1 << (8 + head>>4&7)
	default:
		return 1 << 17
	}
}

// openZstd takes memory for the first frame's window, and accepts no larger one later.
func (c *Content) openZstd(b *bufio.Reader) (io.Reader, error) {
	window := zstdWindow(b)
	if err := c.take(zstdMemory + window); err != nil {
		return nil, err
	}
	d, err := zstd.NewReader(b, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
		zstd.WithDecoderMaxWindow(uint64(window)))
	if err != nil {
		return nil, err
	}
	c.closer = append(c.closer, d.Close)
	return d, nil
}

// zstdWindow is the size of the window that the first frame asks for, and the largest one where that is not to be known.
func zstdWindow(b *bufio.Reader) int64 {
	var h zstd.Header
	for n := 1; n <= zstdHeaderSize; n++ {
		head, err := b.Peek(n)
		if err != nil {
			break
		}
		err = h.Decode(head)
		if err == nil && !h.Skippable {
			window := h.WindowSize
			if h.SingleSegment {
				window = h.FrameContentSize
			}
			return int64(min(max(window, zstd.MinWindowSize), maxZstdWindow))
		}
		if err != io.ErrUnexpectedEOF {
			break
		}
	}
	return maxZstdWindow
}

// short is the error of a peek at a beginning that is not all there.
func short(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}
