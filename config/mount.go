package config

import (
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// mountInfoFile is where Linux lists the mounts that this process sees.
const mountInfoFile = "/proc/self/mountinfo"

// mountedFiles are the paths that are mount points themselves, or symlinks to one, and no folders: a ConfigMap's subPath, a
// single file bound into a container. Such a mount holds on to the file that it was made of: what takes that file's name
// later is not seen, whatever watches.
func mountedFiles(mountinfo string, paths []string) []string {
	points := mountPoints(mountinfo)
	var mounted []string
	for _, file := range filesOf(paths) {
		if slices.Contains(points, resolved(file)) {
			mounted = append(mounted, file)
		}
	}
	return mounted
}

// resolved is an absolute path without symlinks in it, or as good as can be had.
func resolved(path string) string {
	if target, err := filepath.EvalSymlinks(path); err == nil {
		path = target
	}
	if absolute, err := filepath.Abs(path); err == nil {
		return absolute
	}
	return path
}

// mountPoints are the mount points that a mountinfo file lists, in its order: the fifth field of each line (proc(5)).
func mountPoints(mountinfo string) []string {
	var points []string
	for line := range strings.Lines(mountinfo) {
		if fields := strings.Fields(line); len(fields) > 4 {
			points = append(points, unescapeMount(fields[4]))
		}
	}
	return points
}

// unescapeMount undoes how the kernel writes space, tab, line break and backslash: \040, \011, \012 and \134.
func unescapeMount(s string) string {
	before, rest, escaped := strings.Cut(s, `\`)
	if !escaped {
		return s
	}
	if len(rest) >= 3 {
		if c, err := strconv.ParseUint(rest[:3], 8, 8); err == nil {
			return before + string([]byte{byte(c)}) + unescapeMount(rest[3:])
		}
	}
	return before + `\` + unescapeMount(rest)
}
