// Package stat holds the statistics behind every number the project shows:
// intervals for survey results, tests of one wave against another, survival
// and diffusion curves, process-behaviour charts, regression and its errors.
//
// It stands between the facts and the points: ClickHouse aggregates, this
// package estimates, and metrics, reviews and pkg/impact publish what it
// returns. It does no I/O, never looks at a clock, and draws random numbers
// only from a seed that the caller hands in and stores with the result.
//
// # Answers that do not exist
//
// A number that does not exist is NaN, and an [Interval] that does not exist
// has two NaN ends: the mean of nothing, a proportion of zero answers, the
// correlation with a constant. No function returns a zero, a one or an
// infinity that stands for "unknown". A NaN among the values of a set makes
// the result NaN; only charts read NaN as "a week without data", because there
// its place in the sequence matters. Models that can fail for a reason worth
// telling (collinear columns, a sample too small, a fit that does not
// converge) return an error that names it, and no model.
//
// # The same bits again
//
// Where the input is a set, the result does not depend on its order: sums are
// exact ([Sum]) or taken in sorted order, so a replay that meets the same
// facts in another order publishes the same bytes. Nothing runs in parallel,
// so GOMAXPROCS has no influence either.
//
// Intervals are two-sided at a confidence level given as a fraction (0.95).
// Shares are fractions in [0, 1], not percentages, unless a comment says so.
package stat
