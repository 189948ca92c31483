package spool

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
)

// A Corruption is a stretch of a segment that holds no readable record: the disk
// has changed it, or somebody has.
type Corruption struct {
	Segment string `json:"segment"` // path of the file
	Offset  int64  `json:"offset"`  // in the file
	Length  int64  `json:"length"`  // bytes up to the next readable record, or the end
	Reason  string `json:"reason"`
	Kept    string `json:"kept"` // path of a copy of the bytes; a .json with this report is beside it
}

const corruptDir = "corrupt"

// keepAside copies the damaged bytes and a report into the folder "corrupt",
// durably, since the segment will be deleted once it is drained. Done again after
// a crash, it writes the same files again.
func (l *Log) keepAside(f io.ReaderAt, c Corruption) (path string, err error) {
	dir := filepath.Join(l.o.Dir, corruptDir)
	if err := l.o.FS.MkdirAll(dir); err != nil {
		return "", err
	}
	c.Kept = filepath.Join(dir, fmt.Sprintf("%s.%d.bin", filepath.Base(c.Segment), c.Offset))
	report, err := json.MarshalIndent(c, "", "  ")
	if err != nil {
		return "", err
	}
	if err := l.writeAnew(c.Kept, io.NewSectionReader(f, c.Offset, c.Length), c.Length); err != nil {
		return "", err
	}
	if err := l.writeAnew(c.Kept+".json", bytes.NewReader(report), int64(len(report))); err != nil {
		return "", err
	}
	return c.Kept, l.o.FS.SyncDir(dir)
}

// writeAnew writes n bytes of r to a file, replacing one of that name.
func (l *Log) writeAnew(path string, r io.ReaderAt, n int64) error {
	if err := l.o.FS.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f, err := l.o.FS.Create(path)
	if err != nil {
		return err
	}
	_, err = io.Copy(io.NewOffsetWriter(f, 0), io.NewSectionReader(r, 0, n))
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return errors.Join(err, l.o.FS.Remove(path)) // half a copy is no copy
	}
	return nil
}
