package main

import (
	"testing"
	"testing/fstest"
)

func TestMemoryOfTheCgroupIsFound(t *testing.T) {
	t.Parallel()
	files := func(content map[string]string) fstest.MapFS {
		root := fstest.MapFS{}
		for name, text := range content {
			root[name] = &fstest.MapFile{Data: []byte(text)}
		}
		return root
	}
	for name, c := range map[string]struct {
		files map[string]string
		want  int64
	}{
		"no cgroups": {nil, 0},
		"version 2, own group": {map[string]string{
			"proc/self/cgroup": "0::/system.slice/windhover.service\n", "sys/fs/cgroup/system.slice/windhover.service/memory.max": "268435456\n",
		}, 268435456},
		"version 2, the group above": {map[string]string{
			"proc/self/cgroup": "0::/pod/container\n", "sys/fs/cgroup/pod/container/memory.max": "max\n", "sys/fs/cgroup/pod/memory.max": "1048576\n",
		}, 1048576},
		"version 2, the least": {map[string]string{
			"proc/self/cgroup": "0::/a/b\n", "sys/fs/cgroup/a/b/memory.max": "900\n", "sys/fs/cgroup/a/memory.max": "800\n", "sys/fs/cgroup/memory.max": "1000\n",
		}, 800},
		"version 2, a container's root": {map[string]string{"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.max": "700\n"}, 700},
		"version 2, a path of the host": {map[string]string{"proc/self/cgroup": "0::/../../kubepods/x\n", "sys/fs/cgroup/memory.max": "700\n"}, 700},
		"version 2, no limit":           {map[string]string{"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.max": "max\n"}, 0},
		"version 1": {map[string]string{
			"proc/self/cgroup": "5:cpu,cpuacct:/docker/1\n4:memory:/docker/1\n0::/\n", "sys/fs/cgroup/memory/memory.limit_in_bytes": "536870912\n",
		}, 536870912},
		"version 1, beside others": {map[string]string{"proc/self/cgroup": "4:hugetlb,memory:/\n", "sys/fs/cgroup/memory/memory.limit_in_bytes": "600\n"}, 600},
		"version 1, no limit":      {map[string]string{"proc/self/cgroup": "4:memory:/\n", "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n"}, 0},
		"nonsense":                 {map[string]string{"proc/self/cgroup": "x\n0::/\n4:memory\n", "sys/fs/cgroup/memory.max": "-1\n"}, 0},
	} {
		if got := cgroupMemory(files(c.files)); got != c.want {
			t.Errorf("%s: %d, want %d", name, got, c.want)
		}
	}
}
