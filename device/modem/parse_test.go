package modem

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/warthog618/modem/at"
)

func TestRegistrationAnswers(t *testing.T) {
	for line, want := range map[string]int{
		"+CREG: 0,1":                         1,
		"+CREG: 2,1,\"00A1\",\"0B2C3D4E\",7": 1,
		"+CREG: 1,5,00A1,0B2C":               5,
		"+CREG:  1 0":                        0,
		"+CREG: 0,11":                        11,
		"+CREG: 3":                           3, // unsolicited
		"+CREG: 1,\"00A1\",\"0B2C\"":         1, // unsolicited, with the cell
		"+CREG:":                             -1,
	} {
		if got := parseRegistration([]string{line}); got != want {
			t.Errorf("%s: %d, want %d", line, got, want)
		}
	}
	if got := parseRegistration([]string{"+CREG: 2", "+CREG: 0,1"}); got != 1 {
		t.Errorf("an unsolicited line won: %d", got)
	}
}

func TestNetworkTimeIsChecked(t *testing.T) {
	for s, ok := range map[string]bool{
		"26/03/09,14:05:00+28":  true,
		"26/03/09,14:05:00-20":  true,
		"80/01/06,00:00:12+00":  false,
		"04/01/01,00:00:12+00":  false,
		"70/01/01,00:00:12+00":  false,
		"25/12/31,14:05:00+28":  false, // before this program was written
		"26/03/09,14:05:00":     false, // no zone
		"26/13/09,14:05:00+28":  false,
		"26/03/09,14:05:00+99":  false,
		"26/03/09,14:05:00 28 ": false,
		"":                      false,
	} {
		if got := parseClock(s); got.IsZero() == ok {
			t.Errorf("%q: %v", s, got)
		}
	}
	if got := parseClock("26/03/09,14:05:00+28"); !got.Equal(time.Date(2026, 3, 9, 7, 5, 0, 0, time.UTC)) {
		t.Errorf("zone: %v", got)
	}
	m, err := New(Config{Port: "/dev/x"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	later := time.Date(2026, 3, 9, 7, 5, 0, 0, time.UTC)
	m.setTime(later)
	m.setTime(later.Add(-time.Hour))
	if m.Status().NetworkTime.Before(later) {
		t.Error("time ran backwards")
	}
}

func TestRoutingIsChosenFromWhatIsOffered(t *testing.T) {
	for offer, want := range map[string]string{
		"+CNMI: (0-2),(0-3),(0,2,3),(0-2),(0,1)":       "+CNMI=2,1,0,2,0",
		"+CNMI: (0,1,2,3),(0,1,2),(0,2),(0,1,2),(0,1)": "+CNMI=2,1,0,2,0",
		"+CNMI: (1),(0,1),(0),(0,1),(1)":               "+CNMI=1,1,0,0,1", // phonesim and old Wavecoms
		"+CNMI: (0),(0,2),(0),(0,1)":                   "+CNMI=0,0,0,0,0",
		"+CNMI: 1":                                     "+CNMI=0,0,0,0,0",
		"+CNMI: (3-999999999),(1":                      "+CNMI=3,0,0,0,0",
	} {
		if got := chooseRouting(offer); got != want {
			t.Errorf("%s: %s, want %s", offer, got, want)
		}
	}
	if got := ranges("(0-2,7),(a),(5-3)"); !slices.EqualFunc(got, [][]int{{0, 1, 2, 7}, nil, nil}, slices.Equal[[]int]) {
		t.Errorf("%v", got)
	}
}

// The table of DESIGN.md: what each answer means, by how much of the message was handed over.
func TestOutcome(t *testing.T) {
	const taken, notSent, unknown = "taken", "not sent", "unknown"
	for _, tc := range []struct {
		info   []string
		err    error
		handed handover
		want   string
	}{
		{[]string{"+CMGS: 7"}, nil, wholly, taken},
		{[]string{"+CMGS: 255"}, at.ErrDeadlineExceeded, wholly, taken},
		{[]string{"+CMGS: 7"}, at.ErrClosed, wholly, taken},
		{[]string{"+CMGS: 700"}, nil, wholly, unknown},
		{nil, nil, wholly, unknown},
		{nil, at.ErrClosed, nothing, notSent},
		{nil, at.ErrClosed, partly, notSent},
		{nil, at.ErrClosed, wholly, unknown},
		{nil, at.ErrDeadlineExceeded, nothing, notSent},
		{nil, at.ErrDeadlineExceeded, wholly, unknown},
		{nil, at.ErrError, nothing, notSent},
		{nil, at.ErrError, wholly, unknown},
		{nil, at.CMSError("500"), nothing, notSent},
		{nil, at.CMSError("500"), wholly, unknown},
		{nil, at.CMSError("1"), wholly, notSent},
		{nil, at.CMSError("42"), wholly, notSent},
		{nil, at.CMSError("208"), wholly, notSent},
		{nil, at.CMSError("41"), wholly, unknown},
		{nil, at.CMSError("197"), wholly, unknown},
		{nil, at.CMSError("0"), wholly, unknown},
		{nil, at.CMSError("300"), wholly, unknown},
		{nil, at.CMSError("UNKNOWN ERROR"), wholly, unknown},
		{nil, at.CMEError("30"), wholly, notSent},
		{nil, at.CMEError("31"), wholly, unknown},
	} {
		_, err := outcome(tc.info, tc.err, tc.handed)
		got := taken
		switch {
		case errors.Is(err, ErrNotSent):
			got = notSent
		case err != nil:
			got = unknown
		}
		if got != tc.want {
			t.Errorf("%q %v, handed %d: %s, want %s", tc.info, tc.err, tc.handed, got, tc.want)
		}
	}
}
