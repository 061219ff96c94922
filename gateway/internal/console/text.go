package console

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/langnghe/langnghe/device/report"
	"github.com/langnghe/langnghe/gateway/routing"
	"github.com/langnghe/langnghe/gateway/triage"
)

// Every sentence that the program chooses stands here; those that never change stand in the templates.

// failureText is an error page: what happened, and what to do next.
type failureText struct{ Title, What, Next string }

var (
	failNotFound    = failureText{"Không tìm thấy", "Không có trang hoặc hồ sơ này, hoặc hồ sơ không thuộc phạm vi của bạn.", "Hãy kiểm tra lại số hồ sơ rồi quay về hàng đợi."}
	failCrossOrigin = failureText{"Yêu cầu bị từ chối", "Yêu cầu này được gửi từ một trang khác nên hệ thống không thực hiện.", "Hãy mở lại trang này từ hàng đợi rồi làm lại thao tác."}
	failHost        = failureText{"Sai địa chỉ", "Trang này chỉ mở được bằng địa chỉ của chính máy chủ (127.0.0.1 hoặc localhost).", "Hãy gõ lại đúng địa chỉ mà người quản trị đã cung cấp."}
	failForm        = failureText{"Nội dung gửi không hợp lệ", "Hệ thống không đọc được nội dung vừa gửi, có thể vì quá dài.", "Hãy quay lại, rút ngắn ghi chú rồi gửi lại."}
	failInternal    = failureText{"Hệ thống chưa thực hiện được", "Máy chủ gặp lỗi khi đọc hoặc ghi dữ liệu, nên thao tác vừa rồi chưa được thực hiện và không có nội dung nào được hiển thị.", "Hãy thử lại sau một phút; nếu vẫn lỗi, báo ngay cho quản trị viên và tiếp nhận qua tổng đài 111."}
	failMethod      = failureText{"Thao tác không hợp lệ", "Trang này không nhận thao tác vừa gửi.", "Hãy quay về hàng đợi và làm lại từ đầu."}
)

const sentenceWrongPassword = "Tên đăng nhập hoặc mật khẩu không đúng. Hãy kiểm tra lại bộ gõ và phím Caps Lock rồi thử lại."

func sentenceThrottled(wait time.Duration) string {
	return fmt.Sprintf("Đã nhập sai nhiều lần. Hãy đợi %s rồi thử lại; nếu quên mật khẩu, liên hệ quản trị viên.", roundedWait(wait))
}

func roundedWait(d time.Duration) string {
	if d < time.Minute {
		return fmt.Sprintf("%d giây", int((d+time.Second-1)/time.Second))
	}
	return fmt.Sprintf("%d phút", int((d+time.Minute-1)/time.Minute))
}

// ruleText is the sentence for an officer's change that a rule refuses; ok is false for an error that is none.
func ruleText(err error) (sentence string, ok bool) {
	for _, r := range []struct {
		err  error
		text string
	}{
		{triage.ErrTransition, "Chưa đổi được: từ trạng thái hiện tại không thể chuyển sang trạng thái vừa chọn. Hãy chọn một trạng thái có trong danh sách."},
		{triage.ErrReason, "Chưa đổi được: thao tác này cần nêu lý do. Hãy ghi lý do vào ô ghi chú rồi gửi lại."},
		{triage.ErrUnread, "Chưa đổi được: hồ sơ có nội dung chưa ai đọc. Hãy đọc nội dung trước khi quyết định."},
		{triage.ErrSecondReader, "Chưa hạ được: mức U0 và U1 chỉ được hạ khi có người thứ hai cùng đọc, mà phiên bản này chưa hỗ trợ. Hãy giữ nguyên mức và ghi nhận định vào ghi chú."},
		{triage.ErrNote, fmt.Sprintf("Chưa lưu được: ghi chú dài quá %d ký tự hoặc có ký tự không đọc được. Hãy rút gọn rồi gửi lại.", triage.MaxNoteRunes)},
		{triage.ErrNothing, "Không có gì thay đổi. Hãy chọn mức khác hoặc nhập ghi chú rồi gửi lại."},
		{triage.ErrConflict, "Chưa lưu: một cán bộ khác vừa thay đổi hồ sơ này. Hãy xem lại diễn biến mới bên dưới rồi gửi lại nếu vẫn cần."},
	} {
		if errors.Is(err, r.err) {
			return r.text, true
		}
	}
	return "", false
}

func linkText(link string) string {
	switch link {
	case "mqtt":
		return "Internet"
	case "sms":
		return "Tin nhắn SMS"
	case "":
		return "không rõ"
	}
	return link
}

// receivedText is how a report came in: by which door, and by which link to us.
func receivedText(r triage.Report) string {
	if r.Door == report.DoorSMS && r.Device == "" {
		return "Người dân nhắn tin SMS thẳng đến số của trung tâm"
	}
	s := "Không rõ kênh tiếp nhận"
	switch r.Door {
	case report.DoorScreen:
		s = "Nhập tại màn hình kiosk"
	case report.DoorSMS:
		s = "Người dân nhắn tin đến số của kiosk"
	default:
		if r.Device != "" {
			s += ", từ kiosk"
		}
	}
	if r.Device != "" {
		s += " " + r.Device
	}
	switch r.Link {
	case "mqtt":
		s += ", chuyển về qua Internet"
	case "sms":
		s += ", chuyển về qua SMS"
	}
	return s
}

// changeText is what an event changed, in the officers' words; empty where it changed nothing.
func changeText(e triage.Event) string {
	switch e.Action {
	case triage.ActionStatus, triage.ActionAdded:
		if e.From != e.To {
			return triage.Status(e.From).Label() + " → " + triage.Status(e.To).Label()
		}
	case triage.ActionUrgency:
		return e.From + " → " + e.To
	case triage.ActionVerified:
		if e.To == "ok" {
			return "nguyên vẹn"
		}
		return "có dòng bị sửa hoặc xoá"
	case triage.ActionRefused:
		if e.Subject != "" {
			return "tài khoản " + e.Subject
		}
		return "tên không có trong hệ thống"
	}
	return ""
}

func roleText(r routing.Role) string {
	switch r {
	case routing.RoleOfficer:
		return "cán bộ xử lý"
	case routing.RoleDuty:
		return "cán bộ trực"
	case routing.RoleSupervisor:
		return "cán bộ giám sát"
	case routing.RoleTechnician:
		return "kỹ thuật viên"
	}
	return ""
}

// refusalText explains why frames were quarantined, by the reasons of intake. A reason of a newer intake is shown as it is.
func refusalText(reason string) string {
	switch reason {
	case "malformed":
		return "Không đúng định dạng của hệ thống"
	case "truncated":
		return "Bị cắt cụt, hoặc có mảnh tin nhắn không bao giờ đến"
	case "wrong-device":
		return "Gửi bằng chứng thư của một thiết bị khác"
	case "unknown-device":
		return "Thiết bị chưa được đăng ký"
	case "unknown-key":
		return "Khoá lạ hoặc đã hết hiệu lực"
	case "device-key":
		return "Khoá của thiết bị trong cơ sở dữ liệu không mở được: cần đăng ký lại thiết bị này"
	case "forged":
		return "Giả mạo hoặc bị sửa trên đường truyền: không mở được bằng khoá của thiết bị đã nêu"
	case "unreadable":
		return "Mở được nhưng không đọc được: thiết bị dùng phiên bản mới hơn máy chủ, cần kiểm tra ngay"
	case "failed":
		return "Máy chủ không xử lý được vì lỗi của chính nó: xem nhật ký máy chủ, cần kiểm tra ngay"
	case "replayed":
		return "Dữ liệu cũ bị gửi lại từ một số khác"
	}
	return reason
}

// signalText reads a CSQ value (TS 27.007 8.5).
func signalText(csq int) string {
	switch {
	case csq < 0 || csq > 31:
		return "không rõ"
	case csq < 7:
		return fmt.Sprintf("yếu (%d/31)", csq)
	case csq < 15:
		return fmt.Sprintf("trung bình (%d/31)", csq)
	}
	return fmt.Sprintf("tốt (%d/31)", csq)
}

// countdown is what is left of a clock: "còn" "03:12", "còn" "5 giờ 12 phút", "quá hạn" "12:40".
type countdown struct{ Word, Span string }

// leftText is the countdown of a clock; console.js makes the same.
func leftText(left time.Duration) countdown {
	if left <= 0 {
		return countdown{"quá hạn", spanText(-left)}
	}
	// Rounded up, so that "còn 00:00" never stands while there is time.
	return countdown{"còn", spanText(left + time.Second - 1)}
}

// clockName is what the running clock of c asks for.
func clockName(c triage.Case) string {
	switch {
	case c.Unread():
		return "hạn đọc và tiếp nhận"
	case c.Status == triage.New || c.Status == triage.Reopened:
		return "hạn tiếp nhận"
	}
	return "hạn đánh giá ban đầu"
}

func spanText(d time.Duration) string {
	s := int64(d / time.Second)
	switch {
	case s < 3600:
		return fmt.Sprintf("%02d:%02d", s/60, s%60)
	case s < 86400:
		return fmt.Sprintf("%d giờ %02d phút", s/3600, s/60%60)
	}
	return fmt.Sprintf("%d ngày %d giờ", s/86400, s/3600%24)
}

// agoText is how long ago something was, coarsely.
func agoText(d time.Duration) string {
	switch {
	case d < time.Minute:
		return "vừa xong"
	case d < time.Hour:
		return fmt.Sprintf("%d phút trước", int(d/time.Minute))
	case d < 24*time.Hour:
		return fmt.Sprintf("%d giờ trước", int(d/time.Hour))
	}
	return fmt.Sprintf("%d ngày trước", int(d/(24*time.Hour)))
}

// momentText is a moment on Viet Nam's clock: "03:12 hôm nay", "03:12 hôm qua", "03:12 ngày 18/11/2026".
func momentText(t, now time.Time) string {
	if t.IsZero() {
		return "chưa có"
	}
	t, now = t.In(triage.Zone), now.In(triage.Zone)
	clock := t.Format("15:04")
	switch day := t.Format("02/01/2006"); day {
	case now.Format("02/01/2006"):
		return clock + " hôm nay"
	case now.AddDate(0, 0, -1).Format("02/01/2006"):
		return clock + " hôm qua"
	default:
		return clock + " ngày " + day
	}
}

// firstUpper makes a phrase a line's beginning.
func firstUpper(s string) string {
	for i, r := range s {
		return strings.ToUpper(string(r)) + s[i+len(string(r)):]
	}
	return s
}
