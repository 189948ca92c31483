// Package chart draws metric points as inline SVG: a series over time, and the
// same in little room.
//
// It stands behind every page that shows points, and is pure: the same points
// give the same bytes. What it draws is
//
//   - honest: a missing value is a gap, never 0 and never bridged; a value that is
//     not to be trusted (partial, low n) is hollow, and a partial one hangs on a
//     dashed line; bars and axes of amounts begin at 0.
//   - readable to all: role="img" with a title, and a description that says in
//     words where the series went and where it ends.
//   - free of style: colours come from the page's stylesheet by the classes below;
//     without one, from currentColor. There is no style attribute and no script,
//     so it passes the strictest content security policy.
//   - scalable: the view box is 400 units wide and fills its container. Lines and
//     dots keep their width (vector-effect), and text is 15 units: 12 px where the
//     chart is 320 px wide. A stylesheet may lower the size in wider containers,
//     never raise it: labels were placed for this one.
//
// Classes: chart (the svg; also chart-line, chart-strip), grid, base, tick, label,
// caption, band, whisker, line, dashed, dot, ring, hole, mark, mark-label, limit,
// limit-label, center, signal, slots.
package chart
