package report

// Category is the two-character code of a concern. Codes are stable for ever: they travel in sealed reports and in
// SMS, so one is never reused for another meaning.
type Category string

// CategoryInfo is what officers, children and statistics call one category.
type CategoryInfo struct {
	Code    Category
	Officer string // the officer's term, after the Law on Children 102/2016/QH13 and circular 13/2021
	Child   string // the words on a child's picture card; empty where no card exists
	English string
	CHI     string // Child Helpline International's class, for comparable statistics
}

// categories is the project's taxonomy: the law's forms of harm, the classes that hotline 111 counts, and CHI's list.
var categories = []CategoryInfo{
	{"V1", "Bạo lực thể chất", "Bị đánh, làm đau", "Physical violence", "Violence/Physical"},
	{"V2", "Bạo lực tinh thần", "Bị mắng, doạ, làm nhục", "Emotional violence", "Violence/Mental"},
	{"V3", "Bạo lực học đường, bắt nạt", "Bị bạn bắt nạt", "Bullying", "Violence/Bullying"},
	{"V4", "Chứng kiến bạo lực gia đình", "Người lớn đánh nhau", "Witness to domestic violence", "Family"},
	{"S1", "Xâm hại tình dục", "Bị đụng vào vùng đồ bơi", "Sexual abuse", "Violence/Sexual"},
	{"S2", "Quấy rối, gạ gẫm", "Bị rủ, nhắn điều kỳ lạ", "Harassment, grooming", "Violence"},
	{"O1", "Xâm hại trên mạng: bắt nạt, lừa đảo", "Bị trêu, lừa trên mạng", "Online harm", "Online"},
	{"O2", "Hình ảnh riêng tư bị phát tán, đe doạ", "Bị chụp, quay, doạ đăng", "Image abuse, sextortion", "OSA/OSE"},
	{"N1", "Bỏ rơi", "Bị bỏ lại", "Abandonment", "Neglect"},
	{"N2", "Bỏ mặc, sao nhãng", "Đói, ốm, không ai chăm", "Neglect", "Neglect"},
	{"E1", "Bóc lột sức lao động", "Bị bắt làm việc nặng", "Child labour", "Violence/Labour"},
	{"E2", "Ăn xin, lang thang", "", "Begging, street", "Violence"},
	{"E3", "Mua bán, dụ dỗ ra nước ngoài, bắt cóc", "Bị rủ đi xa, bị bán", "Trafficking, abduction", "Missing/TIP"},
	{"E4", "Tảo hôn, ép kết hôn", "Bị bắt lấy vợ, lấy chồng", "Child marriage", "Violence"},
	{"M1", "Trẻ mất tích, bỏ nhà, lạc", "Bạn bị lạc", "Missing, runaway", "Missing"},
	{"P1", "Khó khăn tâm lý", "Buồn, sợ, lo nhiều", "Distress", "Mental health"},
	{"P2", "Tự hại, ý nghĩ tự tử", "Muốn biến mất, làm đau mình", "Self-harm, suicide", "Mental health"},
	{"P3", "Chất gây nghiện, nghiện mạng", "", "Substances, addiction", "Mental health"},
	{"A1", "Nguy cơ, tai nạn đuối nước", "", "Drowning", ""},
	{"A2", "Tai nạn giao thông", "", "Road traffic", ""},
	{"A3", "Cháy nổ, điện, bỏng, thương tích khác", "", "Fire, burns, injury", ""},
	{"R1", "Quyền: khai sinh, bảo hiểm y tế, đi học", "Không được đi học", "Rights, access", "Accessibility"},
	{"R2", "Mồ côi, mất người chăm sóc", "", "Orphan, no carer", "Family"},
	{"R3", "Tranh chấp nuôi con", "", "Custody", "Family"},
	{"R4", "Kỳ thị, phân biệt", "", "Discrimination", "Discrimination"},
	{"R5", "Thiên tai, dịch bệnh", "", "Disaster", ""},
	{"G1", "Hỏi thông tin", "", "Information", "Non-counselling"},
	{"G2", "Góp ý", "", "Idea", "Non-counselling"},
	{"G3", "Khen, cảm ơn", "", "Thanks", "Non-counselling"},
	{"G4", "Thử máy", "", "Test", "Non-counselling"},
	{"G9", "Khác, không rõ", "Chuyện khác", "Other, unclear", "Non-counselling"},
}

var categoryByCode = func() map[Category]CategoryInfo {
	m := make(map[Category]CategoryInfo, len(categories))
	for _, c := range categories {
		m[c.Code] = c
	}
	return m
}()

// Categories returns the whole taxonomy in the officers' order. The slice is the caller's.
func Categories() []CategoryInfo { return append([]CategoryInfo(nil), categories...) }

// Info returns what is known of c; ok is false for a code that this version does not know. An unknown code is kept and
// shown as it is: a newer kiosk may speak to an older gateway.
func (c Category) Info() (info CategoryInfo, ok bool) {
	info, ok = categoryByCode[c]
	return info, ok
}

// Officer is the officer's term of c, or the bare code where it is unknown.
func (c Category) Officer() string {
	if i, ok := categoryByCode[c]; ok {
		return i.Officer
	}
	return string(c)
}

// wellFormed tells whether c has the shape of a code: a capital letter and a digit.
func (c Category) wellFormed() bool {
	return len(c) == 2 && c[0] >= 'A' && c[0] <= 'Z' && c[1] >= '0' && c[1] <= '9'
}
