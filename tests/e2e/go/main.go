// SPDX-License-Identifier: GPL-3.0-or-later

// The stock Go client against a real nacred: sections 3 to 8 of docs/protocol.md as a Go program meets them. Ends with
// "RESULT passed failed skipped".
package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/nats-io/nats.go"
)

type scenario struct {
	name string
	run  func(c *client)
}

// A node of its own, which starts a server of its own.
type node struct {
	command *exec.Cmd
	home    string
	ended   chan error
}

func (n *node) log() string {
	text, _ := os.ReadFile(filepath.Join(n.home, "node.log"))
	return string(text)
}

func startNode(top string) (*node, error) {
	home, err := os.MkdirTemp("", "nacre-go-")
	if err != nil {
		return nil, err
	}
	log, err := os.Create(filepath.Join(home, "node.log"))
	if err != nil {
		return nil, err
	}
	n := &node{home: home, ended: make(chan error, 1)}
	n.command = exec.Command(filepath.Join(top, "build/release/bin/nacred"), "--store-id", "shop", "--data-dir", filepath.Join(home, "data"))
	n.command.Stdout, n.command.Stderr = log, log
	n.command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	if err := n.command.Start(); err != nil {
		return nil, err
	}
	go func() { n.ended <- n.command.Wait() }()
	for i := 0; i < 600; i++ {
		if strings.Contains(n.log(), " ready: ") {
			return n, nil
		}
		time.Sleep(50 * time.Millisecond)
	}
	return n, fmt.Errorf("nacred is not ready: %s", n.log())
}

// Whether it ended as it should.
func (n *node) stop() bool {
	defer os.RemoveAll(n.home)
	_ = n.command.Process.Signal(syscall.SIGTERM)
	select {
	case err := <-n.ended:
		return err == nil
	case <-time.After(30 * time.Second):
		_ = n.command.Process.Kill()
		return false
	}
}

// A claim that does not hold ends its scenario by a panic.
func attempt(s scenario, c *client) (held bool) {
	began := time.Now()
	defer func() {
		fault := recover()
		held = fault == nil
		if held {
			fmt.Printf("%s: ok (%.1f s)\n", s.name, time.Since(began).Seconds())
		} else {
			fmt.Printf("%s: FAILED: %v\n", s.name, fault)
		}
		c.leave()
	}()
	s.run(c)
	return true
}

func main() {
	top := os.Getenv("NCTEST_TOP")
	if top == "" {
		top = "."
	}
	passed, failed := 0, 0
	n, err := startNode(top)
	if err == nil {
		var url []byte
		url, err = os.ReadFile(filepath.Join(n.home, "data/nats.url"))
		var nc *nats.Conn
		if err == nil {
			nc, err = nats.Connect(strings.TrimSpace(string(url)))
		}
		if err == nil {
			for _, s := range append(append(appends, subscriptions...), verbs...) {
				if attempt(s, &client{nc: nc}) {
					passed++
				} else {
					failed++
				}
			}
			nc.Close()
		}
	}
	if err != nil {
		fmt.Println(err)
		failed++
	}
	if n != nil && !n.stop() {
		fmt.Println("the node did not end as it should")
		failed++
	}
	fmt.Printf("RESULT %d %d 0\n", passed, failed)
	if failed > 0 {
		os.Exit(1)
	}
}
