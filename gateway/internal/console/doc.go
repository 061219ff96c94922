// Package console is the officers' web page: the queue, a case, the kiosks, what was quarantined, and who did what. It
// reaches cases only through triage.Desk, so that nobody whom routing excludes reaches a report by any path of it
// (invariant 12), and it puts no word of a report into a URL, a title, a log or a cache (invariant 8).
package console
