// Package storetest is the contract of the gateway's store as tests. Every engine runs it; a new sentence of
// intake.Store or triage.Store gets its test here, not beside one engine.
package storetest

import (
	"context"
	"testing"
	"time"

	"github.com/langnghe/langnghe/device/wire"
	"github.com/langnghe/langnghe/gateway/intake"
	"github.com/langnghe/langnghe/gateway/triage"
)

// Store is what an engine offers to the suite.
type Store interface {
	intake.Store
	triage.Store
	Enrol(ctx context.Context, at time.Time, makes func(index uint32) (intake.Device, error)) (intake.Device, error)
	Close() error
}

// Opener opens the store of one test: the first call makes it empty, later ones open the same again. The caller closes it.
type Opener func() Store

// Run runs the suite; fresh makes an Opener for each test.
func Run(t *testing.T, fresh func(t *testing.T) Opener) {
	for _, c := range []struct {
		name string
		test func(*testing.T, Opener)
	}{
		{"ArrivalsKeepTheirOrder", arrivalsKeepOrder},
		{"ArrivalIDsAreNeverUsedAgain", arrivalIDs},
		{"UpdateIsAllOrNothing", updateIsAtomic},
		{"UpdateSurvivesReopening", updateIsDurable},
		{"PartsAreKnownByIDAndMark", partsAreKnown},
		{"PartsOfAReportAreThoseOfItsTime", partsOfReport},
		{"GroupsFindSegments", groups},
		{"AssignTakesOnlyWaitingParts", assign},
		{"DevicesGetOneIndexEach", enrolment},
		{"CountersAdd", counters},
		{"AnswersAreOwedUntilPaid", answers},
		{"OpenNumbersCasesWithoutGaps", numbers},
		{"OpenMayBeRepeated", openRepeats},
		{"CasesKeepEveryField", caseFields},
		{"ApplyComparesVersions", applyVersions},
		{"ApplyRefusesAKnownReport", applyKnownReport},
		{"CasesAreListed", lists},
		{"EventsChain", events},
		{"ConcurrentOpensGiveDistinctNumbers", concurrentOpens},
		{"UpdateSeesItsOwnWrites", ownWrites},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(t, fresh(t)) })
	}
}

func opened(t *testing.T, open Opener) Store {
	t.Helper()
	s := open()
	t.Cleanup(func() { must(t, s.Close()) })
	return s
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func ok[T any](v T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		must(t, err)
		return v
	}
}

// noon has a fraction below the millisecond, which stores may drop.
var noon = time.Date(2026, 11, 21, 12, 0, 0, 123_000_000, triage.Zone)

func id(n byte) wire.ID { return wire.ID{n, 15: n} }
