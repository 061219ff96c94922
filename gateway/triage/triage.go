// Package triage keeps the cases that reports open: a queue by breach time, who did what when, and an end that a named
// person chose (invariant 13). Desk is the only way to a case: it asks routing who may see it, and writes the audit
// before it opens a word (invariant 12).
package triage
