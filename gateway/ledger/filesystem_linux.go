package ledger

import "syscall"

// networkFileSystem is the kind of network file system that a folder is on; empty: on none that is known. SQLite's locks and
// its shared memory do not work there as they should. https://www.sqlite.org/faq.html#q5
func networkFileSystem(folder string) string {
	var s syscall.Statfs_t
	if err := syscall.Statfs(folder, &s); err != nil {
		return ""
	}
	// From statfs(2) and linux/magic.h.
	switch uint32(s.Type) {
	case 0x6969:
		return "NFS"
	case 0x517B, 0xFF534D42, 0xFE534D42:
		return "SMB"
	case 0x65735546:
		return "FUSE"
	case 0x01021997:
		return "9p"
	case 0x5346414F:
		return "AFS"
	case 0x00C36400:
		return "Ceph"
	}
	return ""
}
