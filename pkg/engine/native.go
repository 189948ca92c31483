//go:build linux || darwin

package engine

import (
	"encoding/binary"
	"strings"
)

// handshakeQuery is what clickhouse-go asks first on a new connection.
const handshakeQuery = "SELECT displayName(), version(), revision(), timezone()"

// An identity is what the engine says of itself.
type identity struct{ displayName, version, timezone string }

// handshake encodes the answer to handshakeQuery as one Native block at the given
// protocol revision, with 0 in the column revision().
//
// The engine writes Native at revision 0 whatever it is asked for, and
// clickhouse-go decodes everything after the handshake at the revision found in
// it. So this one block is encoded here, and all others pass through untouched.
func (id identity) handshake(revision uint64) []byte {
	const (
		withBlockInfo     = 51903
		withSerialization = 54454
	)
	var b []byte
	if revision >= withBlockInfo {
		b = append(b, 1, 0, 2, 0xff, 0xff, 0xff, 0xff, 0) // not an overflow block, bucket -1
	}
	b = binary.AppendUvarint(b, 4) // columns
	b = binary.AppendUvarint(b, 1) // rows
	column := func(name, typ string, value []byte) {
		b = appendText(appendText(b, name), typ)
		if revision >= withSerialization {
			b = append(b, 0) // the type's default serialisation
		}
		b = append(b, value...)
	}
	column("displayName()", "String", appendText(nil, id.displayName))
	column("version()", "String", appendText(nil, id.version))
	column("revision()", "UInt32", []byte{0, 0, 0, 0})
	column("timezone()", "String", appendText(nil, id.timezone))
	return b
}

func appendText(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// newIdentity asks the engine who it is.
func newIdentity(c *connection) (identity, error) {
	rows, err := c.lines("SELECT displayName(), version(), timezone()")
	if err != nil {
		return identity{}, err
	}
	fields := append(strings.Split(rows[0], "\t"), "", "", "")
	return identity{displayName: "payoff", version: fields[1], timezone: fields[2]}, nil
}
