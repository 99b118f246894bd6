//go:build !linux || !amd64

package crash_test

// tracerMain would be the tracer, which knows the registers of one kind of machine.
func tracerMain() bool { return false }
