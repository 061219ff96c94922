package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// onlyLoopback tells whether every TCP port that a process of this run listens on is a loopback one (proc(5), net/tcp).
func onlyLoopback() error {
	mine, err := sockets()
	if err != nil {
		return err
	}
	seen := 0
	for _, table := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		b, err := os.ReadFile(table)
		if err != nil {
			continue // no IPv6 here
		}
		for _, line := range strings.Split(string(b), "\n")[1:] {
			f := strings.Fields(line)
			if len(f) < 10 || f[3] != "0A" { // listening
				continue
			}
			name, ok := mine[f[9]]
			if !ok {
				continue
			}
			seen++
			addr, port, _ := strings.Cut(f[1], ":")
			// 127.0.0.0/8 and ::1, in the kernel's order of bytes.
			loop := len(addr) == 8 && strings.HasSuffix(addr, "7F") || addr == "00000000000000000000000001000000" ||
				len(addr) == 32 && strings.HasPrefix(addr, "0000000000000000FFFF0000") && strings.HasSuffix(addr, "7F")
			if !loop {
				n, _ := strconv.ParseUint(port, 16, 16)
				return fmt.Errorf("%s listens on port %d beyond this machine", name, n)
			}
		}
	}
	if seen == 0 {
		return fmt.Errorf("no listening port of this run was found: the check saw nothing")
	}
	return nil
}

// sockets are the socket inodes of this process and its descendants, with the program's name.
func sockets() (map[string]string, error) {
	parents, err := processParents()
	if err != nil {
		return nil, err
	}
	out := map[string]string{}
	for pid := range parents {
		if !descends(parents, pid, os.Getpid()) {
			continue
		}
		name, _ := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid))
		fds, _ := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
		for _, fd := range fds {
			to, err := os.Readlink(fd)
			if err != nil {
				continue // closed meanwhile
			}
			if inode, ok := strings.CutPrefix(to, "socket:["); ok {
				out[strings.TrimSuffix(inode, "]")] = strings.TrimSpace(string(name))
			}
		}
	}
	return out, nil
}

// processParents are all processes and their parents.
func processParents() (map[int]int, error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, err
	}
	parents := map[int]int{}
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		if f := stat(pid); len(f) > 1 {
			parents[pid], _ = strconv.Atoi(f[1])
		}
	}
	return parents, nil
}

func descends(parents map[int]int, pid, root int) bool {
	for ; pid > 1; pid = parents[pid] {
		if pid == root {
			return true
		}
	}
	return false
}
