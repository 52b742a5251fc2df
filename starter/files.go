package main

import (
	"errors"
	"io/fs"
	"syscall"
)

// unreadable says what is wrong with a file that was named to be read, and what to
// do about it.
func unreadable(err error) string {
	path, reason := failedFile(err)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "there is no file " + path + ": name one that is there"
	case errors.Is(err, fs.ErrPermission):
		return path + " may not be read by this user: change the file's permissions, or name one that may be"
	case errors.Is(err, syscall.EISDIR):
		return path + " is a folder: name a file"
	case errors.Is(err, syscall.ENOTDIR):
		return "there is no file " + path + ", because a part of the path is no folder: correct the path"
	}
	return path + " cannot be read (" + reason + "): name another file"
}

// unwritable is the same of a file that is to be made.
func unwritable(err error) string {
	path, reason := failedFile(err)
	switch {
	case errors.Is(err, fs.ErrExist):
		return path + " is there already and is not overwritten: name a new file, or take that one away"
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENOTDIR):
		return path + " cannot be made, because its folder is not there: make the folder, or name another"
	case errors.Is(err, fs.ErrPermission):
		return path + " may not be made by this user: name a file in a folder of your own"
	case errors.Is(err, syscall.EISDIR):
		return path + " is a folder: name a file"
	}
	return path + " cannot be written (" + reason + "): name another file"
}

// failedFile takes apart what the system says about a file.
func failedFile(err error) (path, reason string) {
	if p, ok := errors.AsType[*fs.PathError](err); ok {
		return p.Path, p.Err.Error()
	}
	return "the file", err.Error()
}
