package org

import (
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"
)

// An Organisation is what a set of files says, checked and ready to be declared.
type Organisation struct {
	rows map[string][]Row // by section
	lead map[string]string
}

// Options of Read.
type Options struct {
	Location   *time.Location // whose midnights the days of the files are
	Repository string         // of a CODEOWNERS or catalog-info.yaml that does not say it, as owner/name
	Dir        string         // what people know the root of the files as; stands before names in problems
}

// maxFile bounds one file.
const maxFile = 16 << 20

// Read reads an organisation from the files below root, or from the one file
// root. The files are
//
//	*.yaml, *.yml     sections with lists of rows: units, teams, members, …
//	<section>.csv     one section, its fields in the header; lists with ; between
//	CODEOWNERS        who owns which paths of a repository
//	catalog-info.yaml Backstage's groups, users and components
//
// Others are passed over. What is wrong is returned as Problems, all at once.
func Read(fsys fs.FS, root string, o Options) (*Organisation, error) {
	r := reader{o: o, org: &Organisation{rows: make(map[string][]Row)}}
	err := fs.WalkDir(fsys, root, func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && d.Name() == ".git":
			return fs.SkipDir
		case d.IsDir() || !understood(name) && name != root:
			return nil
		}
		return r.file(fsys, name)
	})
	if err != nil {
		return nil, fmt.Errorf("reading the organisation: %w", err)
	}
	if r.files == 0 {
		r.problems.add(Place{File: path.Join(o.Dir, root)}, "there is no file of an organisation here; it is kept in .yaml or .csv files, CODEOWNERS or catalog-info.yaml")
	}
	if err := r.problems.err(); err != nil {
		return nil, err
	}
	r.mapGroups()
	r.applyCodeowners()
	r.org.follow(&r.problems)
	r.org.check(&r.problems)
	return r.org, r.problems.err()
}

type reader struct {
	o        Options
	org      *Organisation
	problems Problems
	files    int
	current  string       // path of the file that is read, below the root
	rules    []ownerRules // of each CODEOWNERS
	groups   []group      // of Backstage
}

func understood(name string) bool {
	base := path.Base(name)
	return base == "CODEOWNERS" || slices.Contains([]string{".yaml", ".yml", ".csv"}, path.Ext(base))
}

func (r *reader) file(fsys fs.FS, name string) error {
	b, err := readFile(fsys, name)
	if err != nil {
		return err
	}
	r.files++
	base := path.Base(name)
	r.current, name = name, path.Join(r.o.Dir, name)
	switch {
	case base == "CODEOWNERS":
		r.codeowners(name, b)
	case strings.TrimSuffix(base, path.Ext(base)) == "catalog-info":
		r.backstage(name, b)
	case path.Ext(base) == ".csv":
		r.csv(name, b)
	case path.Ext(base) == ".yaml" || path.Ext(base) == ".yml":
		r.yaml(name, b)
	default:
		r.problems.add(Place{File: name}, "is no file of an organisation; it is kept in .yaml or .csv files, CODEOWNERS or catalog-info.yaml")
	}
	return nil
}

func readFile(fsys fs.FS, name string) ([]byte, error) {
	info, err := fs.Stat(fsys, name)
	if err != nil {
		return nil, err
	}
	if info.Size() > maxFile {
		return nil, fmt.Errorf("%s has %d bytes; at most %d are read", name, info.Size(), maxFile)
	}
	return fs.ReadFile(fsys, name)
}

// add keeps a row that was read from a file.
func (r *reader) add(s section, at Place, cells []cell) {
	if row, ok := s.row(at, cells, r.o.Location, &r.problems); ok {
		r.org.rows[s.name] = append(r.org.rows[s.name], row)
	}
}

// put keeps a row that was made of another system's file, where every field is
// text of its own.
func (r *reader) put(sectionName string, at Place, fields ...string) {
	s, _ := sectionNamed(sectionName)
	var cells []cell
	for i := 0; i < len(fields); i += 2 {
		if fields[i+1] != "" {
			cells = append(cells, cell{fields[i], strings.Split(fields[i+1], "\n"), at})
		}
	}
	r.add(s, at, cells)
}

// repository is that of the file that is read: as configured, else the last two
// folders above it, as in acme/shop/.github/CODEOWNERS.
func (r *reader) repository() string {
	if r.o.Repository != "" {
		return r.o.Repository
	}
	dir := path.Dir(r.current)
	if base := path.Base(dir); base == ".github" || base == ".gitlab" || base == "docs" {
		dir = path.Dir(dir)
	}
	if owner := path.Base(path.Dir(dir)); owner != "." && owner != "/" {
		return owner + "/" + path.Base(dir)
	}
	return ""
}
