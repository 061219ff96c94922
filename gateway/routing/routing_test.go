package routing_test

import (
	"testing"

	"github.com/langnghe/langnghe/device/report"
	"github.com/langnghe/langnghe/gateway/routing"
)

const (
	hue      = 46
	anCuu    = 19777
	elsewhen = 19803
)

func viewer(r routing.Role, s routing.Scope, province, commune uint32) routing.Viewer {
	return routing.Viewer{ID: "x", Role: r, Scope: s, Province: province, Commune: commune}
}

// Invariant 12: over every alleged person and environment, values of a newer version included, the commune sees a report
// only where the one it may be about is surely not of the school or the office.
func TestCommuneSeesOnlyWhatIsSurelyNotAboutItsOwn(t *testing.T) {
	safe := map[report.Alleged]bool{}
	for _, a := range []report.Alleged{report.AllegedParent, report.AllegedStepParent, report.AllegedGrandparent, report.AllegedSibling,
		report.AllegedRelative, report.AllegedNeighbour, report.AllegedPupil, report.AllegedPartner, report.AllegedOnline,
		report.AllegedStranger, report.AllegedEmployer} {
		safe[a] = true
	}
	commune := viewer(routing.RoleOfficer, routing.ScopeCommune, hue, anCuu)
	for alleged := report.Alleged(0); alleged < 40; alleged++ {
		for env := report.Environment(0); env < 40; env++ {
			f := routing.Facts{Province: hue, Commune: anCuu, Alleged: alleged, Environment: env}
			want := safe[alleged] && env != report.EnvironmentCare && env <= report.EnvironmentOther
			if got := f.Audience().Allows(commune); got != want {
				t.Errorf("alleged %d, environment %d: commune sees it: %v, want %v", alleged, env, got, want)
			}
			if f.Audience().CommuneExcluded() == want {
				t.Errorf("alleged %d, environment %d: CommuneExcluded disagrees with Allows", alleged, env)
			}
			if !f.Audience().Allows(viewer(routing.RoleDuty, routing.ScopeNational, 0, 0)) {
				t.Errorf("alleged %d, environment %d: the centre does not see it", alleged, env)
			}
			if !f.Audience().Allows(viewer(routing.RoleOfficer, routing.ScopeProvince, hue, 0)) {
				t.Errorf("alleged %d, environment %d: the province does not see it", alleged, env)
			}
		}
	}
}

func TestWhoMaySeeAReport(t *testing.T) {
	private := routing.Facts{Province: hue, Commune: anCuu, Alleged: report.AllegedNeighbour, Environment: report.EnvironmentFamily}
	placeless := routing.Facts{Alleged: report.AllegedNeighbour}
	for _, c := range []struct {
		name string
		f    routing.Facts
		v    routing.Viewer
		want bool
	}{
		{"nobody", private, routing.Viewer{}, false},
		{"account without a name", private, routing.Viewer{Role: routing.RoleDuty, Scope: routing.ScopeNational}, false},
		{"account without a role", private, viewer(routing.RoleNone, routing.ScopeNational, 0, 0), false},
		{"account without a scope", private, viewer(routing.RoleDuty, routing.ScopeNone, hue, anCuu), false},
		{"technician of the centre", private, viewer(routing.RoleTechnician, routing.ScopeNational, 0, 0), false},
		{"role of a newer version", private, viewer(99, routing.ScopeNational, 0, 0), false},
		{"scope of a newer version", private, viewer(routing.RoleDuty, 99, hue, anCuu), false},
		{"the commune", private, viewer(routing.RoleOfficer, routing.ScopeCommune, hue, anCuu), true},
		{"another commune", private, viewer(routing.RoleOfficer, routing.ScopeCommune, hue, elsewhen), false},
		{"another province", private, viewer(routing.RoleSupervisor, routing.ScopeProvince, 48, 0), false},
		{"commune account without a code, report without a place", placeless, viewer(routing.RoleOfficer, routing.ScopeCommune, 0, 0), false},
		{"province account without a code, report without a place", placeless, viewer(routing.RoleOfficer, routing.ScopeProvince, 0, 0), false},
		{"the centre, report without a place", placeless, viewer(routing.RoleDuty, routing.ScopeNational, 0, 0), true},
	} {
		if got := c.f.Audience().Allows(c.v); got != c.want {
			t.Errorf("%s: sees it: %v, want %v", c.name, got, c.want)
		}
	}
}

// Invariant 12: a second report can only take people out of a case's audience, never let them in.
func TestJoinOnlyExcludes(t *testing.T) {
	var all []routing.Facts
	for _, p := range []uint32{0, hue, 48} {
		for _, c := range []uint32{0, anCuu, elsewhen} {
			for _, a := range []report.Alleged{report.AllegedUnknown, report.AllegedNeighbour, report.AllegedOfficial} {
				for _, r := range []bool{false, true} {
					all = append(all, routing.Facts{Province: p, Commune: c, Alleged: a, Restricted: r})
				}
			}
		}
	}
	viewers := []routing.Viewer{
		viewer(routing.RoleOfficer, routing.ScopeCommune, hue, anCuu), viewer(routing.RoleOfficer, routing.ScopeCommune, 48, elsewhen),
		viewer(routing.RoleOfficer, routing.ScopeProvince, hue, 0), viewer(routing.RoleOfficer, routing.ScopeProvince, 48, 0),
	}
	for _, f := range all {
		for _, g := range all {
			j := f.Join(g)
			for _, v := range viewers {
				if j.Audience().Allows(v) && (!f.Audience().Allows(v) || !g.Audience().Allows(v)) {
					t.Fatalf("%+v joined with %+v lets in %+v", f, g, v)
				}
				if j.Join(f).Audience().Allows(v) && !j.Audience().Allows(v) {
					t.Fatalf("joining %+v again lets in %+v", f, v)
				}
			}
		}
	}
}

// Threat T4: a backlog that grows just after a child stood at the screen tells that there was a report.
func TestCommuneSeesNoFleetAndNoCounters(t *testing.T) {
	for role := routing.RoleNone; role <= routing.RoleTechnician; role++ {
		v := viewer(role, routing.ScopeCommune, hue, anCuu)
		if v.MaySeeFleet(hue) || v.MaySeeCounters() || v.MayAudit() {
			t.Errorf("role %d of a commune sees kiosks, counters or the audit", role)
		}
	}
	if v := viewer(routing.RoleTechnician, routing.ScopeProvince, hue, 0); !v.MaySeeFleet(hue) || v.MaySeeFleet(48) || v.MaySeeFleet(0) || v.MaySeeCases() {
		t.Error("a province's technician sees the kiosks of that province and nothing else")
	}
	if v := viewer(routing.RoleSupervisor, routing.ScopeProvince, hue, 0); v.MayAudit() {
		t.Error("a province's supervisor reads the audit of the whole country")
	}
}
