package usage

import "unsafe"

// view is the bytes as a string without a copy: gjson then finds values in place instead of copying what it finds. It is
// the one use of unsafe here. The string is valid only while nobody writes to b, which is until the decoder that lent the
// bytes runs on; whatever outlives that is cloned.
func view(b []byte) string {
	return unsafe.String(unsafe.SliceData(b), len(b))
}
