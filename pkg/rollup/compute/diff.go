package compute

// A diff is what must be written so that a table of facts says what linking says.
type diff[T any] struct {
	put  []T // new, or other than stored
	drop []T // stored, and no longer so
	old  []T // stored, and replaced by one of put
}

func (d diff[T]) empty() bool { return len(d.put)+len(d.drop) == 0 }

// differ compares what is stored of some services with what was linked.
func differ[K comparable, T any](stored, linked []T, key func(*T) K, same func(a, b *T) bool) diff[T] {
	if len(stored) == 0 {
		return diff[T]{put: linked}
	}
	was := make(map[K]*T, len(stored))
	for i := range stored {
		was[key(&stored[i])] = &stored[i]
	}
	var d diff[T]
	for i := range linked {
		k := key(&linked[i])
		o := was[k]
		if o == nil || !same(o, &linked[i]) {
			d.put = append(d.put, linked[i])
			if o != nil {
				d.old = append(d.old, *o)
			}
		}
		delete(was, k)
	}
	for i := range stored {
		if _, gone := was[key(&stored[i])]; gone {
			d.drop = append(d.drop, stored[i])
		}
	}
	return d
}
