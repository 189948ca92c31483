package org

import (
	"bytes"
	"cmp"
	"errors"
	"io"
	"net/url"
	"strings"

	"go.yaml.in/yaml/v3"
)

// entity is what is read of Backstage's descriptor format. Its other fields are
// Backstage's own affair and are passed over.
type entity struct {
	Kind     string `yaml:"kind"`
	Metadata struct {
		Name        string            `yaml:"name"`
		Annotations map[string]string `yaml:"annotations"`
	} `yaml:"metadata"`
	Spec struct {
		Type     string   `yaml:"type"`
		Owner    string   `yaml:"owner"`
		Parent   string   `yaml:"parent"`
		Members  []string `yaml:"members"`
		MemberOf []string `yaml:"memberOf"`
		Profile  struct {
			Email string `yaml:"email"`
		} `yaml:"profile"`
	} `yaml:"spec"`
}

// A group is a team, or a unit if another group is part of it.
type group struct {
	at           Place
	name, parent string
}

// backstage reads the entities of a catalog-info.yaml: components are services,
// groups are teams and units, users are members of teams. It has no dates, so its
// rows hold since ever.
func (r *reader) backstage(name string, b []byte) {
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
		at := Place{name, doc.Content[0].Line}
		var e entity
		if err := doc.Decode(&e); err != nil {
			r.problems.add(at, "is no entity of Backstage: %s", strings.ReplaceAll(strings.TrimPrefix(err.Error(), "yaml: unmarshal errors:\n  "), "\n", ";"))
			continue
		}
		r.entity(at, e)
	}
}

func (r *reader) entity(at Place, e entity) {
	if e.Metadata.Name == "" {
		if e.Kind != "" {
			r.problems.add(at, "this %s has no metadata.name; every entity needs one", e.Kind)
		}
		return
	}
	switch e.Kind {
	case "Component":
		r.component(at, e)
	case "Group":
		r.groups = append(r.groups, group{at, e.Metadata.Name, refName(e.Spec.Parent)})
		for _, m := range e.Spec.Members {
			r.put("members", at, "person", refName(m), "team", e.Metadata.Name)
		}
	case "User":
		r.user(at, e)
	}
}

// refName is the name in a reference such as group:default/payments.
func refName(ref string) string {
	ref = ref[strings.LastIndex(ref, ":")+1:]
	return ref[strings.LastIndex(ref, "/")+1:]
}

func (r *reader) component(at Place, e entity) {
	if e.Spec.Type == "library" || e.Spec.Type == "documentation" {
		return // nothing that is deployed by itself
	}
	if strings.HasPrefix(e.Spec.Owner, "user:") {
		r.problems.add(at, "the owner of %s is a person, %s; numbers are told of teams: name the group that owns it", e.Metadata.Name, e.Spec.Owner)
		return
	}
	repository, folder := sourceOf(e.Metadata.Annotations)
	if repository == "" {
		repository = r.repository()
	}
	if folder != "" {
		folder += "/**"
	}
	r.put("services", at, "service", e.Metadata.Name, "repository", repository, "paths", folder, "team", refName(e.Spec.Owner))
}

// sourceOf is the repository and the folder that annotations name.
func sourceOf(annotations map[string]string) (repository, folder string) {
	repository = annotations["github.com/project-slug"]
	location := strings.TrimPrefix(annotations["backstage.io/source-location"], "url:")
	u, err := url.Parse(location)
	if err != nil || location == "" {
		return repository, ""
	}
	// /owner/name/tree/branch/folder, and with GitLab /owner/name/-/tree/…
	parts := strings.Split(strings.Trim(strings.Replace(u.Path, "/-/tree/", "/tree/", 1), "/"), "/")
	if len(parts) >= 2 && repository == "" {
		repository = parts[0] + "/" + parts[1]
	}
	if len(parts) > 4 && parts[2] == "tree" {
		folder = strings.Join(parts[4:], "/")
	}
	return repository, folder
}

func (r *reader) user(at Place, e entity) {
	login := e.Metadata.Annotations["github.com/user-login"]
	if login != "" {
		login = "github:" + login
	}
	account := cmp.Or(e.Spec.Profile.Email, login, e.Metadata.Name)
	var aliases []string
	for _, a := range []string{login, e.Metadata.Name} {
		if a != "" && a != account {
			aliases = append(aliases, a)
		}
	}
	if len(e.Spec.MemberOf) > 0 {
		r.put("people", at, "person", account, "aliases", strings.Join(aliases, "\n"))
	}
	for _, team := range e.Spec.MemberOf {
		r.put("members", at, "person", account, "team", refName(team))
	}
}

// mapGroups makes units of the groups that others are part of, teams of the rest.
// Backstage lets a person be named by the group and by itself: once is enough.
func (r *reader) mapGroups() {
	if len(r.groups) == 0 {
		return
	}
	parents := make(map[string]bool)
	for _, g := range r.groups {
		parents[g.parent] = true
	}
	for _, g := range r.groups {
		if parents[g.name] {
			r.put("units", g.at, "unit", g.name)
		} else {
			r.put("teams", g.at, "team", g.name, "unit", g.parent)
		}
	}
	canonical := make(map[string]string)
	for _, p := range r.org.rows["people"] {
		for _, a := range p.Aliases {
			canonical[a] = p.Name
		}
	}
	seen := make(map[[2]string]bool)
	var members []Row
	for _, m := range r.org.rows["members"] {
		m.Name = cmp.Or(canonical[m.Name], m.Name)
		key := [2]string{m.Name, m.Said.Team}
		open := m.From.Equal(Ever) && m.To.Equal(Always)
		if !open || !seen[key] {
			members = append(members, m)
		}
		seen[key] = seen[key] || open
	}
	r.org.rows["members"] = members
}
