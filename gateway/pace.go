package gateway

import (
	"io"
	"time"
)

// timePerByte is what a client may take for a byte, on average: 500 of them a second are fewer than any line in use carries.
const timePerByte = 2 * time.Millisecond

// behind is how far a client is behind that pace, when it has kept us waiting once more, for n bytes. It is never ahead: or else
// who has sent much could be silent for the rest of the day.
func behind(before, waited time.Duration, n int) time.Duration {
	return max(0, before+waited-time.Duration(n)*timePerByte)
}

// uploading is the client's body with a limit to how far the client may be behind, by one read that brings nothing or by many that
// bring little. Without it, one that has stalled, or sends a byte now and then, would be let go only by timeouts.total. While
// nobody reads, because the upstream takes no more, it is not the client who is slow.
type uploading struct {
	io.Reader
	x      *exchange
	behind time.Duration
}

func (u *uploading) Read(p []byte) (int, error) {
	limit := u.x.provider.upload
	if limit == 0 {
		return u.Reader.Read(p)
	}
	began := u.x.clock.now()
	timer := time.AfterFunc(limit-u.behind, func() { u.x.interrupt(errUpload) })
	defer timer.Stop()
	n, err := u.Reader.Read(p)
	u.behind = behind(u.behind, u.x.clock.now()-began, n)
	return n, err
}
