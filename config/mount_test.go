package config

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// As a pod sees it with a ConfigMap mounted as a folder, another by subPath, and what the runtime binds in.
const podMountInfo = `1021 941 0:95 / / rw,relatime master:318 - overlay overlay rw,lowerdir=/var/lib/containerd/l/A,upperdir=/var/lib/containerd/fs,workdir=/var/lib/containerd/work
1022 1021 0:98 / /proc rw,nosuid,nodev,noexec,relatime - proc proc rw
1027 1021 259:1 /var/lib/kubelet/pods/0f1e/volumes/kubernetes.io~configmap/windhover /etc/windhover ro,relatime - ext4 /dev/nvme0n1p1 rw,commit=30
1028 1021 259:1 /var/lib/kubelet/pods/0f1e/volume-subpaths/single/windhover/2 /etc/single/providers.yaml ro,relatime - ext4 /dev/nvme0n1p1 rw,commit=30
1029 1021 259:1 /var/lib/kubelet/pods/0f1e/etc-hosts /etc/hosts rw,relatime - ext4 /dev/nvme0n1p1 rw,commit=30
1031 1021 0:90 / /run/secrets/kubernetes.io/serviceaccount ro,relatime - tmpfs tmpfs rw,size=524288k
`

// As Docker writes it for `-v "/home/me/my files/a\b.yaml:/etc/my files/a\b.yaml"`, and with optional fields of every kind.
const dockerMountInfo = `695 598 0:52 / / rw,relatime - overlay overlay rw,lowerdir=/var/lib/docker/overlay2/l/B
707 695 254:1 /home/me/my\040files/a\134b.yaml /etc/my\040files/a\134b.yaml rw,relatime shared:7 master:1 propagate_from:2 unbindable - ext4 /dev/vda1 rw
708 695 254:1 /home/me/tab /etc/tab\011and\012line rw - ext4 /dev/vda1 rw
709 695 254:1 /x /etc/odd\9ending\04 rw - ext4 /dev/vda1 rw
`

func TestMountPointsAreReadAsTheKernelWritesThem(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, text string
		want       []string
	}{
		{"a pod", podMountInfo, []string{"/", "/proc", "/etc/windhover", "/etc/single/providers.yaml", "/etc/hosts", "/run/secrets/kubernetes.io/serviceaccount"}},
		{"Docker", dockerMountInfo, []string{"/", `/etc/my files/a\b.yaml`, "/etc/tab\tand\nline", `/etc/odd\9ending\04`}},
		{"nothing", "", nil},
		{"no mountinfo", "a file of\nanother form\n", nil},
	} {
		if got := mountPoints(c.text); !slices.Equal(got, c.want) {
			t.Errorf("%s: mountPoints = %q, want %q", c.name, got, c.want)
		}
	}
}

func TestFilesThatAreMountPointsAreFound(t *testing.T) {
	t.Parallel()
	folder, other := t.TempDir(), t.TempDir()
	bound, link, plain := filepath.Join(folder, "bound.yaml"), filepath.Join(folder, "link.yaml"), filepath.Join(folder, "plain.yaml")
	fragment := filepath.Join(other, "fragment.yaml")
	for _, path := range []string{bound, plain, fragment} {
		write(t, path, "one")
	}
	must(t, os.Symlink(bound, link))
	mountinfo := strings.ReplaceAll(podMountInfo, "/etc/single/providers.yaml", resolved(bound))
	mountinfo = strings.ReplaceAll(mountinfo, "/etc/windhover", resolved(other))
	mountinfo = strings.ReplaceAll(mountinfo, "/etc/hosts", resolved(fragment))
	for _, c := range []struct{ paths, want []string }{
		{[]string{bound}, []string{bound}},
		{[]string{link, plain}, []string{link}},
		{[]string{other}, []string{fragment}}, // the folder may well be a mount point, a file in it may not
		{[]string{folder, plain, "/no/such/file"}, []string{bound, link}},
	} {
		if got := mountedFiles(mountinfo, c.paths); !slices.Equal(got, c.want) {
			t.Errorf("mountedFiles(%q) = %q, want %q", c.paths, got, c.want)
		}
	}
}

func FuzzMountPoints(f *testing.F) {
	f.Add(podMountInfo)
	f.Add(dockerMountInfo)
	f.Fuzz(func(t *testing.T, text string) {
		points := mountPoints(text)
		if len(points) > strings.Count(text, "\n")+1 {
			t.Errorf("%d mount points in %d lines", len(points), strings.Count(text, "\n")+1)
		}
	})
}
