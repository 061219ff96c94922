package report

import "fmt"

// A facet is one answer beside the category. Zero always means "not asked or not answered", which is an answer too:
// every question can be skipped. The numbers are stable for ever, as they travel in sealed reports; a value that this
// version does not know survives a round trip and is shown as its number.

// Door is where a report came in.
type Door uint8

// The two doors of the appliance.
const (
	DoorUnknown Door = iota
	DoorScreen       // the touchscreen
	DoorSMS          // a villager's text message
)

// Speaker is who is speaking.
type Speaker uint8

// Who is speaking.
const (
	SpeakerUnknown Speaker = iota
	SpeakerSelf            // the child concerned
	SpeakerFriend          // another child
	SpeakerAdult           // an adult
)

// When is how the concern lies in time.
type When uint8

// How the concern lies in time.
const (
	WhenUnknown  When = iota
	WhenNow           // it is happening now
	WhenToday         // earlier today
	WhenThisWeek      // within the week
	WhenLongAgo       // longer ago
	WhenRepeated      // again and again
	WhenNotNow        // not now; nothing nearer was said
)

// AgeGroup is the child's age, in the bands of the taxonomy: the law's cut is at 16 (Law on Children, article 1).
type AgeGroup uint8

// The age bands.
const (
	AgeUnknown AgeGroup = iota
	AgeUnder6
	Age6to8
	Age9to11
	Age12to15
	Age16to17
	AgeAdult
)

// Sex of the child.
type Sex uint8

// Sex of the child; SexOther also stands for "do not want to say".
const (
	SexUnknown Sex = iota
	SexMale
	SexFemale
	SexOther
)

// Alleged is the relation of the person who may have done it. Routing reads it: nobody may receive a report about
// themselves.
type Alleged uint8

// Who may have done it (Primero's list, localised).
const (
	AllegedUnknown Alleged = iota
	AllegedParent
	AllegedStepParent
	AllegedGrandparent
	AllegedSibling
	AllegedRelative
	AllegedSchoolStaff
	AllegedOfficial // a cadre, police officer or other person in office
	AllegedNeighbour
	AllegedPupil
	AllegedPartner
	AllegedOnline
	AllegedStranger
	AllegedEmployer
	AllegedNotSaid // does not want to say
)

// Environment is where harm happens, after circular 13/2021's "môi trường xâm hại".
type Environment uint8

// Where it happens.
const (
	EnvironmentUnknown Environment = iota
	EnvironmentFamily
	EnvironmentSchool
	EnvironmentCommunity
	EnvironmentCare // a care or fostering facility
	EnvironmentWork
	EnvironmentOnline
	EnvironmentOther
)

// The officers' words for each value, by number.
var (
	doorNames        = []string{"không rõ", "màn hình kiosk", "tin nhắn SMS"}
	speakerNames     = []string{"không rõ", "chính em", "bạn của em", "người lớn"}
	whenNames        = []string{"không rõ", "đang xảy ra", "hôm nay", "tuần này", "đã lâu", "lặp lại nhiều lần", "không phải lúc này"}
	ageNames         = []string{"không rõ", "dưới 6 tuổi", "6–8 tuổi", "9–11 tuổi", "12–15 tuổi", "16–17 tuổi", "người lớn"}
	sexNames         = []string{"không rõ", "nam", "nữ", "khác hoặc không muốn nói"}
	allegedNames     = []string{"không rõ", "cha hoặc mẹ", "cha dượng hoặc mẹ kế", "ông bà", "anh chị em", "họ hàng", "giáo viên hoặc nhân viên trường", "cán bộ, công an hoặc người có chức vụ", "hàng xóm", "bạn học", "người yêu", "người quen qua mạng", "người lạ", "chủ lao động", "không muốn nói"}
	environmentNames = []string{"không rõ", "gia đình", "nhà trường", "cộng đồng", "cơ sở nuôi dưỡng", "nơi làm việc", "trên mạng", "khác"}
)

func name(names []string, v uint8) string {
	if int(v) < len(names) {
		return names[v]
	}
	return fmt.Sprintf("mã %d (chưa biết)", v)
}

// String is the officer's Vietnamese word.
func (d Door) String() string { return name(doorNames, uint8(d)) }

// String is the officer's Vietnamese word.
func (s Speaker) String() string { return name(speakerNames, uint8(s)) }

// String is the officer's Vietnamese word.
func (w When) String() string { return name(whenNames, uint8(w)) }

// String is the officer's Vietnamese word.
func (a AgeGroup) String() string { return name(ageNames, uint8(a)) }

// String is the officer's Vietnamese word.
func (s Sex) String() string { return name(sexNames, uint8(s)) }

// String is the officer's Vietnamese word.
func (a Alleged) String() string { return name(allegedNames, uint8(a)) }

// String is the officer's Vietnamese word.
func (e Environment) String() string { return name(environmentNames, uint8(e)) }
