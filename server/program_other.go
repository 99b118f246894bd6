//go:build !linux

package server

import "errors"

func releaseProgram() (int64, error) { return 0, errors.ErrUnsupported }
