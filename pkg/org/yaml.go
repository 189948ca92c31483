package org

import (
	"bytes"
	"errors"
	"io"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// yaml reads sections with lists of rows:
//
//	teams:
//	  - {team: payments, unit: commerce, from: 2024-01-01}
func (r *reader) yaml(name string, b []byte) {
	d := yaml.NewDecoder(bytes.NewReader(b))
	for {
		var doc yaml.Node
		err := d.Decode(&doc)
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			at, text := yamlError(name, err)
			r.problems.add(at, "is not YAML: %s", text)
			return
		}
		r.yamlSections(name, doc.Content[0])
	}
}

var yamlLine = regexp.MustCompile(`^(?:yaml: )?line (\d+): (.*)$`)

// yamlError takes the line out of an error of the parser, which has it in words.
func yamlError(name string, err error) (Place, string) {
	text := strings.TrimPrefix(err.Error(), "yaml: ")
	if m := yamlLine.FindStringSubmatch(text); m != nil {
		line, _ := strconv.Atoi(m[1])
		return Place{name, line}, m[2]
	}
	return Place{File: name}, text
}

func (r *reader) yamlSections(name string, n *yaml.Node) {
	if n.Kind == yaml.ScalarNode && n.Tag == "!!null" {
		return // an empty document
	}
	if n.Kind != yaml.MappingNode {
		r.problems.add(Place{name, n.Line}, "is no mapping of sections; the sections are %s", sectionNames())
		return
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		s, ok := sectionNamed(key.Value)
		switch {
		case !ok:
			r.problems.add(Place{name, key.Line}, "%q is no section; the sections are %s", key.Value, sectionNames())
		case value.Kind == yaml.SequenceNode:
			for _, item := range value.Content {
				r.yamlRow(name, s, item)
			}
		case value.Tag != "!!null":
			r.problems.add(Place{name, value.Line}, "%s is a list of rows, each beginning with -", s.name)
		}
	}
}

func (r *reader) yamlRow(name string, s section, n *yaml.Node) {
	at := Place{name, n.Line}
	if n.Kind != yaml.MappingNode {
		r.problems.add(at, "a row of %s is a mapping such as {%s: …, from: 2026-03-01}", s.name, s.key)
		return
	}
	var cells []cell
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		values, ok := scalars(value)
		if !ok {
			r.problems.add(Place{name, value.Line}, "%s is neither a value nor a list of values; anchors are not understood", key.Value)
			return
		}
		cells = append(cells, cell{key.Value, values, Place{name, key.Line}})
	}
	r.add(s, at, cells)
}

// scalars are the values of a node: none for null.
func scalars(n *yaml.Node) ([]string, bool) {
	switch n.Kind {
	case yaml.ScalarNode:
		if n.Tag == "!!null" || n.Value == "" {
			return nil, true
		}
		return []string{n.Value}, true
	case yaml.SequenceNode:
		var out []string
		for _, item := range n.Content {
			if item.Kind != yaml.ScalarNode {
				return nil, false
			}
			if item.Tag != "!!null" && item.Value != "" {
				out = append(out, item.Value)
			}
		}
		return out, true
	}
	return nil, false
}
