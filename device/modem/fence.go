package modem

import (
	"fmt"
	"runtime"
	"strings"
)

// A panicError is a panic that fenced caught. It says where; the value of the panic may hold a message (invariant 8), so
// only its type is told.
type panicError struct{ what, where string }

func (e *panicError) Error() string { return fmt.Sprintf("panic of type %s at %s", e.what, e.where) }

// fenced runs f and makes an error of its panic. The bytes of a modem are strangers' bytes, and a message that ended the
// process would lie in the SIM and end the next one too.
func fenced(f func() error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = &panicError{fmt.Sprintf("%T", v), thrower()}
		}
	}()
	return f()
}

// thrower names the function and line that panicked.
func thrower() string {
	pc := make([]uintptr, 16)
	frames := runtime.CallersFrames(pc[:runtime.Callers(3, pc)])
	for {
		f, more := frames.Next()
		if !strings.HasPrefix(f.Function, "runtime.") || !more {
			return fmt.Sprintf("%s:%d", f.Function, f.Line)
		}
	}
}
