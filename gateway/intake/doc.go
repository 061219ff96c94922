// Package intake receives an arrival once: it stores the raw bytes, lets the carrier acknowledge them, then parses, joins,
// drops copies, opens, records, has triage open a case, and acknowledges to the device. DESIGN.md beside it says what it
// guarantees and what is true when the process dies on any line.
package intake
