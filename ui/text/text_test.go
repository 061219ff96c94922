package text

import (
	"crypto/sha256"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/langnghe/langnghe/device/report"
	"github.com/langnghe/langnghe/ui/flow"
	"golang.org/x/text/unicode/norm"
)

// all collects every string of a catalogue by reflection, so that a new field can't be forgotten.
func all(v reflect.Value, path string, to map[string]string) {
	switch v.Kind() {
	case reflect.String:
		to[path] = v.String()
	case reflect.Struct:
		for i := range v.NumField() {
			all(v.Field(i), path+"."+v.Type().Field(i).Name, to)
		}
	case reflect.Slice, reflect.Array:
		for i := range v.Len() {
			all(v.Index(i), fmt.Sprintf("%s[%d]", path, i), to)
		}
	case reflect.Map:
		for _, k := range v.MapKeys() {
			all(v.MapIndex(k), path+"["+k.String()+"]", to)
		}
	}
}

func TestCatalogueIsWhole(t *testing.T) {
	texts := map[string]string{}
	all(reflect.ValueOf(Vietnamese), "vi", texts)
	for path, s := range texts {
		if s == "" && !strings.HasSuffix(path, ".Friend") && !strings.HasSuffix(path, ".Adult") {
			t.Errorf("%s is empty", path)
		}
		if !norm.NFC.IsNormalString(s) {
			t.Errorf("%s is not in form NFC", path)
		}
		// Fyne's own Noto Sans has these; anything else would fall back to a font of the host.
		for _, r := range s {
			if !(r < 0x250 || r >= 0x1EA0 && r <= 0x1EF9 || strings.ContainsRune("“”…–", r)) {
				t.Errorf("%s holds %q, which the bundled font may lack", path, r)
			}
		}
	}
	for p := range flow.Pages() {
		for _, c := range flow.Cards(p) {
			if Vietnamese.Cards[c] == "" {
				t.Errorf("card %s has no words", c)
			}
		}
	}
}

// TestWordsOfAChild protects the wording rules: nothing accuses, doubts or asks why, outside the words of the campaign.
func TestWordsOfAChild(t *testing.T) {
	texts := map[string]string{}
	all(reflect.ValueOf(Vietnamese), "vi", texts)
	for path, s := range texts {
		if strings.HasPrefix(path, "vi.Messages[") {
			continue
		}
		low := strings.ToLower(strings.ReplaceAll(s, "\u00a0", " "))
		for _, w := range []string{"tố cáo", "nạn nhân", "thủ phạm", "vì sao", "tại sao", "hung thủ", "xâm hại", "bí mật", "chắc chắn sẽ", "khai báo"} {
			if strings.Contains(low, w) {
				t.Errorf("%s says %q", path, w)
			}
		}
	}
	if !strings.Contains(Vietnamese.SpeakerHint, "Em không có lỗi.") {
		t.Error("the first question does not say that it is not the child's fault")
	}
}

// TestMessagesWordForWord: the sum of the nine messages as the Department of Children published them.
func TestMessagesWordForWord(t *testing.T) {
	sum := fmt.Sprintf("%x", sha256.Sum256([]byte(strings.Join(Vietnamese.Messages[:], "\n"))))
	if sum[:16] != "8d0aa8cac902f767" {
		t.Errorf("the messages changed: %s", sum[:16])
	}
}

func TestVoices(t *testing.T) {
	v := Voiced{Self: "em", Adult: "người lớn"}
	for s, want := range map[report.Speaker]string{
		report.SpeakerUnknown: "em", report.SpeakerSelf: "em", report.SpeakerFriend: "em", report.SpeakerAdult: "người lớn", 77: "em",
	} {
		if got := v.For(s); got != want {
			t.Errorf("%v: %q, want %q", s, got, want)
		}
	}
}

func TestRoom(t *testing.T) {
	for n, want := range map[int]string{0: "Còn 0 ký tự", 999: "Còn 999 ký tự", 1987: "Còn 1.987 ký tự", 2000: "Còn 2.000 ký tự"} {
		if got := Vietnamese.Room(n); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
