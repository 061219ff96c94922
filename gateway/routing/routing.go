// Package routing says who may see a report: by place, by role, and never the one it may be about. It is pure: what it
// answers depends on its arguments alone, so that invariant 12 can be tested over every combination.
package routing

import "github.com/langnghe/langnghe/device/report"

// Scope is the reach of an officer's duty.
type Scope uint8

// The scopes, from none to the whole country. The zero scope sees nothing.
const (
	ScopeNone     Scope = iota
	ScopeCommune        // the child-protection worker of one commune-level unit
	ScopeProvince       // the province's children's office (Sở Y tế)
	ScopeNational       // duty officers of the centre and of hotline 111
)

// Role is what an officer does. The zero role sees nothing.
type Role uint8

// The roles. There is no role for a school: school staff have no path to any report (threat model, invariant I4).
const (
	RoleNone       Role = iota
	RoleOfficer         // works on cases
	RoleDuty            // an officer on duty, day and night
	RoleSupervisor      // an officer who also reads the audit
	RoleTechnician      // keeps the kiosks alive; sees devices, never a report
)

// Viewer is a person who asks to see something.
type Viewer struct {
	ID       string // the account's name; it stands in the audit
	Role     Role
	Scope    Scope
	Province uint32 // official two-digit code; 0 = none. Read where Scope is ScopeProvince
	Commune  uint32 // official five-digit code; 0 = none. Read where Scope is ScopeCommune
}

// Facts is all that routing knows of a report, and all of a report that the gateway keeps unsealed for it.
type Facts struct {
	Province    uint32 // official code of the province; 0 = not known
	Commune     uint32 // official code of the commune-level unit; 0 = not known
	Alleged     report.Alleged
	Environment report.Environment
	// Restricted keeps the commune out whatever the other facts say. Join sets it; nothing clears it.
	Restricted bool
}

// Join returns the facts of a case that holds reports with facts f and g: whom either excludes, the case excludes.
func (f Facts) Join(g Facts) Facts {
	j := f
	j.Restricted = !f.communeMaySee() || !g.communeMaySee()
	if f.Commune != g.Commune {
		j.Commune, j.Restricted = 0, true
	}
	if f.Province != g.Province {
		j.Province = 0 // two provinces: the centre decides who works on it
	}
	return j
}

// communeMaySee tells whether the commune's own officer may see the report (taxonomy 3.5).
//
// It lists who is surely not of the school or the office, and excludes the rest: the staff of a school, officials, who is
// not named or not said, and every value of a newer version that this one cannot judge. A villager's SMS names nobody in
// its facets, so the province reads it first. When doubtful, exclude.
func (f Facts) communeMaySee() bool {
	if f.Restricted || f.Commune == 0 {
		return false
	}
	switch f.Alleged {
	case report.AllegedParent, report.AllegedStepParent, report.AllegedGrandparent, report.AllegedSibling,
		report.AllegedRelative, report.AllegedNeighbour, report.AllegedPupil, report.AllegedPartner,
		report.AllegedOnline, report.AllegedStranger, report.AllegedEmployer:
	default:
		return false
	}
	switch f.Environment {
	case report.EnvironmentUnknown, report.EnvironmentFamily, report.EnvironmentSchool, report.EnvironmentCommunity,
		report.EnvironmentWork, report.EnvironmentOnline, report.EnvironmentOther:
		return true
	}
	return false // a care facility is often the commune's own; an unknown value could be anything
}

// Audience is who may see a report. The zero Audience is the centre alone.
type Audience struct {
	province uint32 // 0 = no province
	commune  uint32 // 0 = no commune
}

// Audience is who may see a report with facts f. The centre always may: somebody has to be able to help.
func (f Facts) Audience() Audience {
	a := Audience{province: f.Province}
	if f.communeMaySee() {
		a.commune = f.Commune
	}
	return a
}

// Allows tells whether v may see the report: its words, its existence and every trace of it.
func (a Audience) Allows(v Viewer) bool {
	if v.ID == "" {
		return false
	}
	switch v.Role {
	case RoleOfficer, RoleDuty, RoleSupervisor:
	default:
		return false
	}
	switch v.Scope {
	case ScopeNational:
		return true
	case ScopeProvince:
		return a.province != 0 && v.Province == a.province
	case ScopeCommune:
		return a.commune != 0 && v.Commune == a.commune
	}
	return false
}

// CommuneExcluded tells whether a's report is kept from the commune; the case page says so to those who may see it.
func (a Audience) CommuneExcluded() bool { return a.commune == 0 }

// MaySeeFleet tells whether v may see the kiosk of a province: its heartbeats, its backlog and what was quarantined.
//
// A commune's officer never may, not even for the commune's own kiosk: a backlog that grows by one just after a child
// stood at the screen tells that there was a report (threat T4).
func (v Viewer) MaySeeFleet(province uint32) bool {
	if v.ID == "" || v.Role == RoleNone {
		return false
	}
	switch v.Scope {
	case ScopeNational:
		return true
	case ScopeProvince:
		return province != 0 && v.Province == province
	}
	return false
}

// MaySeeCounters tells whether v may see the gateway's counters of quarantined and repeated frames.
func (v Viewer) MaySeeCounters() bool {
	return v.ID != "" && v.Role != RoleNone && (v.Scope == ScopeNational || v.Scope == ScopeProvince)
}

// MaySeeCases tells whether v may see cases at all.
func (v Viewer) MaySeeCases() bool {
	switch v.Role {
	case RoleOfficer, RoleDuty, RoleSupervisor:
		return v.ID != "" && v.Scope != ScopeNone
	}
	return false
}

// MayAudit tells whether v may read who did what: the centre's supervisors only, because the log names every case.
func (v Viewer) MayAudit() bool {
	return v.ID != "" && v.Role == RoleSupervisor && v.Scope == ScopeNational
}
