package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// buffer is a bytes.Buffer that several goroutines can use.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

type writerFunc func(p []byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

func TestOutboxWritesAllInOrderBeforeItCloses(t *testing.T) {
	t.Parallel()
	var out buffer
	var want bytes.Buffer
	o := newOutbox(&out, func(int64) {}, time.Hour)
	for i := range 5000 {
		line := fmt.Appendf(nil, "line %d\n", i)
		want.Write(line)
		o.Put(line)
	}
	if lost := o.Close(); lost != 0 || out.String() != want.String() {
		t.Errorf("Close() = %d lost, %d bytes written, want 0 lost, %d bytes", lost, len(out.String()), want.Len())
	}
}

func TestOutboxNeitherBlocksNorHangsWhenNobodyReads(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		_, out := io.Pipe()
		o := newOutbox(out, func(int64) {}, time.Hour)
		begin := time.Now()
		line := make([]byte, outboxBatch) // one is a batch
		for range 3 * outboxLines {
			o.Put(line)
		}
		if took := time.Since(begin); took != 0 {
			t.Errorf("Put took %v, want no time", took)
		}
		synctest.Wait()
		lost := o.Close()
		if took := time.Since(begin); took != outboxClose {
			t.Errorf("Close took %v, want %v", took, outboxClose)
		}
		if want := int64(3*outboxLines - 1); lost != want {
			t.Errorf("Close() = %d lost, want %d: all but the one in the writer's hands", lost, want)
		}
		out.Close()
	})
}

func TestOutboxSaysWhatWasLostOncePerInterval(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var said []int64
		full := writerFunc(func([]byte) (int, error) { return 0, errors.New("no space left on device") })
		o := newOutbox(full, func(lost int64) { said = append(said, lost) }, time.Minute)
		for range 3 {
			o.Put([]byte("line\n"))
			time.Sleep(time.Second)
		}
		time.Sleep(3 * time.Minute)
		o.Put([]byte("line\n"))
		synctest.Wait()
		if lost := o.Close(); lost != 1 || fmt.Sprint(said) != "[3]" {
			t.Errorf("said = %v, and %d at Close, want [3], and 1", said, lost)
		}
	})
}

func TestOutboxStartsANewLineAfterATornOne(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		room := 3
		o := newOutbox(writerFunc(func(p []byte) (int, error) {
			n, _ := out.Write(p[:min(room, len(p))])
			room -= n
			if n < len(p) {
				return n, io.ErrShortWrite
			}
			return n, nil
		}), func(int64) {}, time.Hour)
		o.Put([]byte("first\n"))
		synctest.Wait()
		room = 100
		o.Put([]byte("second\n"))
		synctest.Wait()
		o.Put([]byte("third\n"))
		o.Close()
		if got, want := out.String(), "fir\nsecond\nthird\n"; got != want {
			t.Errorf("written = %q, want %q", got, want)
		}
	})
}
