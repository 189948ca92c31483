// Package impact estimates whether a change paid off: what an outcome did in
// the units that adopted something, against what it would have done had they
// not.
//
// It stands at the end of the flow: a Panel of metric points (one outcome per
// unit and period, and when each unit was first treated) goes in, an estimate
// with its uncertainty, its checks and its reasons comes out. Everything here
// is pure: no I/O, no clock, and every random draw comes from a seed that the
// result carries.
//
//	Panel --Choose--> path --Run--> Result --Judge--> Verdict
//
// An answer that does not exist is never a number. Functions return an error
// that wraps ErrNotIdentified when the data cannot answer the question, and
// ErrInvalid when the data or the request break a rule; single missing values
// inside a result are nil.
//
// Sources: Callaway and Sant'Anna (2021), Sun and Abraham (2021), Borusyak,
// Jaravel and Spiess (2024), de Chaisemartin and D'Haultfœuille (2020),
// Goodman-Bacon (2021), Arkhangelsky et al. (2021), Cameron, Gelbach and
// Miller (2008), Webb (2023), Lan and DeMets (1983), Rambachan and Roth
// (2023). Each function names its own.
package impact
