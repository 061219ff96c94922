package dialogue

import (
	"strings"

	"golang.org/x/text/unicode/norm"

	"github.com/langnghe/langnghe/device/report"
	"github.com/langnghe/langnghe/device/viet"
)

// alarms are the words that make a message U0. They only raise: a message without them is as urgent as any unread one.
// Better one call too many than a child unheard; but every false alarm wakes a person, so each is a phrase that seldom
// means something else.
var alarms = phrases(
	"cứu", "chết", "giết", "chảy máu", "ra máu", "hiếp dâm", "cưỡng hiếp", "hãm hiếp", "bị hiếp", "xâm hại", "tự tử", "tự sát",
	"tự vẫn", "đang đánh", "đang bị", "bị đánh đập", "đuối nước", "bắt cóc", "bị bán", "bán sang", "bán qua", "ngay bây giờ",
	"nguy hiểm", "cấp cứu", "ngất xỉu", "bất tỉnh", "bị bỏng", "bị nhốt", "bóp cổ", "nhảy cầu", "nhảy sông",
	"uống thuốc sâu", "lá ngón", "bị bỏ lại", "help",
)

type phrase []string

func phrases(list ...string) (out []phrase) {
	for _, s := range list {
		out = append(out, strings.Fields(norm.NFC.String(s)))
	}
	return out
}

// urgency is what the words call for. Our own answer speaks of danger itself, so an echo of it raises nothing.
func urgency(words []string, own bool) report.Urgency {
	if own {
		return report.U4
	}
	nfc := make([]string, len(words))
	for i, w := range words {
		nfc[i] = norm.NFC.String(w)
	}
	for _, p := range alarms {
		if contains(nfc, p, sounds) {
			return report.U0
		}
	}
	return report.U4
}

// sounds tells whether a written word may be the wanted one: with its own accents, or with none at all, as many people
// text. A word with other accents is another word: "từ từ" (slowly) is not "tự tử" (suicide).
func sounds(have, want string) bool { return have == want || have == viet.Fold(want) }
