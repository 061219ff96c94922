package report

import "fmt"

// Urgency orders reports by how soon a person must act. U0 is the most urgent; a smaller number is more urgent.
type Urgency uint8

// The five levels and the time to the first human look (domain/03-taxonomy 3.2).
const (
	U0 Urgency = iota // danger now: within 5 minutes, day and night
	U1                // high risk: within 30 minutes
	U2                // medium: within 4 working hours
	U3                // low, support: within 2 working days
	U4                // information: weekly
)

// String is the code, "U0" to "U4".
func (u Urgency) String() string { return fmt.Sprintf("U%d", uint8(u)) }

// Label is the officers' Vietnamese name of the level.
func (u Urgency) Label() string {
	return name([]string{"Khẩn cấp – nguy hiểm ngay", "Nguy cơ cao", "Trung bình", "Thấp – cần hỗ trợ", "Thông tin"}, uint8(u))
}

// Valid tells whether u is one of the five levels.
func (u Urgency) Valid() bool { return u <= U4 }

// Raise returns the more urgent of u and v. It is the only way in which a device changes an urgency: lowering is a
// person's decision, with a reason.
func (u Urgency) Raise(v Urgency) Urgency { return min(u, v) }

// baseUrgency is the level of a category when nothing else is known.
func baseUrgency(c Category) Urgency {
	switch c {
	case "S1", "O2", "E3", "P2", "N1":
		return U1
	case "V1", "V2", "V3", "V4", "S2", "O1", "N2", "E1", "E2", "E4", "M1":
		return U2
	case "P1", "P3", "A1", "A2", "A3", "R1", "R2", "R3", "R4", "R5":
		return U3
	case "G1", "G2", "G3", "G4":
		return U4
	}
	// G9 and codes of a newer version: unknown, so judged by unknownUrgency.
	return U4
}

// Urgency is the level that the answers of d call for. It never lowers: each rule can only raise what the others found.
// With nothing but words it is U1, because nobody has read them yet; with nothing at all, U3 (taxonomy 3.2).
func (d Draft) Urgency() Urgency {
	u, known := U4, false
	for _, c := range d.Categories {
		u = u.Raise(baseUrgency(c))
		if c != "G9" {
			if _, ok := c.Info(); ok {
				known = true
			}
		}
	}
	if !known {
		if len(d.Text) > 0 {
			u = u.Raise(U1)
		} else {
			u = u.Raise(U3)
		}
	}
	harm := u <= U2
	if d.When == WhenNow {
		for _, c := range d.Categories {
			switch c {
			case "V1", "S1", "E3", "P2":
				u = U0
			}
		}
		if harm {
			u = u.Raise(U1)
		}
		if !known {
			u = U0 // danger now, of a kind that nobody has named
		}
	}
	if d.Injured || d.CannotGoHome {
		u = U0
	}
	if harm {
		if d.Age == AgeUnder6 || d.Age == Age6to8 || d.When == WhenRepeated {
			u = u.Raise(U1)
		}
		switch d.Alleged {
		case AllegedParent, AllegedStepParent, AllegedGrandparent, AllegedSibling, AllegedEmployer:
			u = u.Raise(U1) // lives or works with the child
		}
	}
	return u
}
