package panelfile

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/payoff-metrics/payoff/pkg/impact"
)

// ReadCSV reads a panel from CSV with a header, UTF-8, with or without a byte
// order mark. Lines are named as an editor numbers them.
func ReadCSV(src io.Reader, c Columns) (*File, error) {
	data, err := readAll(src)
	if err != nil {
		return nil, err
	}
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	r := csv.NewReader(bytes.NewReader(data))
	r.Comma = separator(data)
	header, err := r.Read()
	if errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%w: the file is empty; the first line names the columns", impact.ErrInvalid)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: reading the header: %w", impact.ErrInvalid, err)
	}
	for i, h := range header {
		header[i] = strings.TrimSpace(h)
	}
	at, err := indexes(header, c)
	if err != nil {
		return nil, err
	}
	out := reader{columns: c, word: "line"}
	cells := make([]string, len(at))
	for {
		rec, err := r.Read()
		if errors.Is(err, io.EOF) {
			return out.file(), nil
		}
		if err != nil {
			return nil, fmt.Errorf("%w: %w", impact.ErrInvalid, err)
		}
		for k, i := range at {
			cells[k] = rec[i]
		}
		line, _ := r.FieldPos(0)
		if err := out.add(line, cells); err != nil {
			return nil, err
		}
	}
}

// separator is a comma, unless the first line has none but tabs or semicolons.
func separator(data []byte) rune {
	first, _, _ := bytes.Cut(data, []byte("\n"))
	for _, sep := range []rune{',', '\t', ';'} {
		if bytes.ContainsRune(first, sep) {
			return sep
		}
	}
	return ','
}
