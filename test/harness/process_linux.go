package harness

import (
	"os/exec"
	"syscall"
)

// endWithParent has the kernel kill cmd when the thread that started it ends.
func endWithParent(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
