package text

import (
	"strconv"

	"github.com/langnghe/langnghe/device/report"
	"github.com/langnghe/langnghe/ui/flow"
)

// Vietnamese is the catalogue of the first language. Spelling: the newer place of the tone (doạ, hoà), as in the
// taxonomy.
var Vietnamese = Catalogue{
	Lang: "vi",

	Name: "Lắng Nghe",
	// The nine messages of the Month of Action for Children 2023, word for word (Cục Trẻ em, 18/5/2023).
	Messages: [flow.Messages]string{
		"Chung tay xây dựng môi trường sống an toàn, thân thiện, lành mạnh cho mọi trẻ em.",
		"Phòng, chống tai nạn, thương tích cho trẻ em là bảo đảm quyền được sống của trẻ em.",
		"Hãy cho trẻ em học bơi, học kỹ năng an toàn trong môi trường nước.",
		"Gọi Tổng đài điện thoại quốc gia bảo vệ trẻ em số 111 để thông báo mọi hành vi xâm hại trẻ em.",
		"Lắng nghe trẻ em bằng trái tim, bảo vệ trẻ em bằng hành động.",
		"Gia đình, nhà trường cùng đồng hành để trẻ em được an toàn trên môi trường mạng.",
		"Không gian mạng an toàn, công dân số tương lai.",
		"Roi vọt không làm trẻ nên người, yêu thương mạnh hơn lời quát mắng.",
		"Pháp luật nghiêm trị mọi hành vi bạo lực, xâm hại trẻ em.",
	},
	MessagesCaption: "Tháng hành động vì trẻ em 2023",
	Tell:            "Em có chuyện muốn kể",
	TellHint:        "Em không cần nói tên.",
	Hotline:         Number{"111", "Tổng đài bảo\u00a0vệ trẻ\u00a0em"},
	HotlineFree:     "Gọi miễn\u00a0phí, cả\u00a0ngày\u00a0lẫn\u00a0đêm",
	HotlineChip:     "Gọi 111 miễn phí",
	CannotStore: Voiced{
		Self:  "Máy không lưu\u00a0được. Em gọi\u00a0111 nhé.",
		Adult: "Máy không lưu\u00a0được. Xin gọi\u00a0111.",
	},

	Exit: "Về trang chơi",
	Back: "Quay lại",
	Skip: "Bỏ qua",

	SpeakerTitle:  "Ai đang kể chuyện?",
	SpeakerSelf:   "Em kể chuyện của em",
	SpeakerFriend: "Em kể chuyện của bạn em",
	SpeakerAdult:  "Tôi là người lớn",
	SpeakerHint:   "Em không có lỗi. Muốn dừng lúc nào cũng được: em chạm “Về\u00a0trang\u00a0chơi”, máy sẽ xoá hết những gì em vừa chọn.",

	WhatTitle: Voiced{
		Self:   "Chuyện gì đã xảy ra với em?",
		Friend: "Chuyện gì đã xảy ra với bạn em?",
		Adult:  "Chuyện gì đã xảy ra với cháu?",
	},
	More: "Hình khác",
	Cards: func() map[report.Category]string {
		m := map[report.Category]string{}
		for _, i := range report.Categories() {
			if i.Child != "" {
				m[i.Code] = i.Child
			}
		}
		return m
	}(),

	NowTitle: Voiced{Self: "Chuyện ấy có đang xảy ra lúc này không?"},
	NowYes:   "Có, ngay lúc này",
	NowNo:    "Không phải lúc này",
	NowOften: "Nhiều lần rồi",
	NowHint: Voiced{
		Self:   "Em chọn điều gần đúng nhất. Em không có lỗi.",
		Friend: "Em chọn điều gần đúng nhất. Bạn em không có lỗi.",
		Adult:  "Xin chọn điều gần đúng nhất. Cháu không có lỗi.",
	},
	SendAtOnce: "Gửi luôn",
	DangerTitle: Voiced{
		Self:  "Em gọi ngay, hoặc nhờ người\u00a0lớn em\u00a0tin gọi\u00a0giúp",
		Adult: "Xin gọi ngay",
	},
	DangerSafe: Voiced{
		Self:   "Em hãy đến chỗ đông người, tìm một người\u00a0lớn em\u00a0tin. Em chạm “Gửi\u00a0ngay” để máy báo cho cán\u00a0bộ\u00a0trực.",
		Friend: "Em và bạn hãy đến chỗ đông người, tìm một người\u00a0lớn em\u00a0tin. Em chạm “Gửi\u00a0ngay” để máy báo cho cán\u00a0bộ\u00a0trực.",
		Adult:  "Xin đưa cháu đến chỗ an toàn, có đông người. Chạm “Gửi\u00a0ngay” để máy báo cho cán\u00a0bộ\u00a0trực.",
	},
	DangerNumbers: []Number{
		{"111", "Bảo vệ trẻ em"}, {"113", "Công an"}, {"114", "Cháy, cứu\u00a0nạn"}, {"115", "Cấp cứu"}, {"112", "Thiên tai"},
	},
	DangerSend:     "Gửi ngay",
	DangerContinue: "Kể thêm",

	ReviewTitle: Voiced{
		Self:  "Em gửi những điều này nhé?",
		Adult: "Gửi những điều này?",
	},
	ReviewInvite: Voiced{
		Self:  "Em muốn kể thêm thì chạm vào đây để viết. Không viết cũng được.",
		Adult: "Muốn kể thêm, xin chạm vào đây để viết. Không viết cũng được.",
	},
	ReviewEmpty: Voiced{
		Self:  "Em chưa chọn gì. Em viết vài chữ, hoặc quay lại chọn một hình nhé.",
		Adult: "Chưa có gì để gửi. Xin viết vài chữ, hoặc quay lại chọn một hình.",
	},
	Readers: Voiced{
		Self:  "Người đọc là cán\u00a0bộ bảo\u00a0vệ trẻ\u00a0em, không phải thầy\u00a0cô trường\u00a0em.",
		Adult: "Người đọc là cán\u00a0bộ bảo\u00a0vệ trẻ\u00a0em.",
	},
	Limits: Voiced{Self: "Nếu có ai đang gặp nguy\u00a0hiểm, người\u00a0lớn sẽ phải hành\u00a0động."},
	Send:   "Gửi đi",

	WordsInvite: Voiced{
		Self:  "Em viết ở đây, bằng lời của em. Viết ngắn cũng được.",
		Adult: "Xin viết ở đây. Viết ngắn cũng được.",
	},
	Room:   func(n int) string { return "Còn " + grouped(n) + " ký tự" },
	Done:   "Xong",
	Space:  "dấu cách",
	Digits: "123",
	Letter: "abc",

	SendingTitle: Voiced{Self: "Đang gửi…"},
	SendingWait: Voiced{
		Self:  "Em chờ một chút nhé.",
		Adult: "Xin chờ một chút.",
	},

	ReceiptTitle: Voiced{
		Self:   "Máy đã nhận được\u00a0lời\u00a0kể\u00a0của\u00a0em. Em\u00a0rất\u00a0dũng\u00a0cảm.",
		Friend: "Máy đã nhận được\u00a0lời\u00a0kể\u00a0của\u00a0em. Em\u00a0là\u00a0người\u00a0bạn\u00a0tốt.",
		Adult:  "Máy đã nhận được lời kể. Xin cảm ơn.",
	},
	ReceiptCode: Voiced{
		Self:  "Mã của em",
		Adult: "Mã của lần kể này",
	},
	ReceiptKeep: Voiced{
		Self:  "Em có thể ghi lại mã này. Không giữ cũng không sao: vẫn có người đọc lời em.",
		Adult: "Có thể ghi lại mã này. Không giữ cũng không sao: vẫn có người đọc lời kể.",
	},
	ReceiptSteps: [3]Voiced{
		{Self: "Lời em được khoá kín rồi gửi đi.", Adult: "Lời kể được khoá kín rồi gửi đi."},
		{Self: "Cán\u00a0bộ\u00a0bảo\u00a0vệ trẻ\u00a0em\u00a0đọc. Thầy\u00a0cô không\u00a0đọc.", Adult: "Cán\u00a0bộ\u00a0bảo\u00a0vệ trẻ\u00a0em đọc lời\u00a0kể\u00a0này."},
		{Self: "Nếu có ai đang gặp nguy\u00a0hiểm, người\u00a0lớn sẽ phải hành\u00a0động."},
	},
	ReceiptOffline: Voiced{
		Self:  "Máy đang chờ mạng, có mạng sẽ tự gửi. Cần giúp gấp, em gọi 111.",
		Adult: "Máy đang chờ mạng, có mạng sẽ tự gửi. Cần gấp, xin gọi 111.",
	},

	NotStoredTitle: Voiced{
		Self:  "Máy chưa lưu được lời kể của em.",
		Adult: "Máy chưa lưu được lời kể.",
	},
	NotStoredUnsure: Voiced{
		Self:  "Máy chưa chắc đã lưu được lời kể của em.",
		Adult: "Máy chưa chắc đã lưu được lời kể.",
	},
	NotStoredFault: Voiced{
		Self:  "Đây là lỗi của máy, không phải lỗi của em.",
		Adult: "Đây là lỗi của máy.",
	},
	NotStoredCall: Voiced{
		Self:  "Em hãy gọi 111, hoặc nói với một người\u00a0lớn em\u00a0tin.",
		Adult: "Xin gọi\u00a0111. Gọi miễn phí, cả ngày lẫn đêm.",
	},
	Retry: "Thử lại",
}

// grouped writes n, 0 to 999,999, with the Vietnamese thousands point.
func grouped(n int) string {
	if n < 1000 {
		return strconv.Itoa(n)
	}
	s := strconv.Itoa(n)
	return s[:len(s)-3] + "." + s[len(s)-3:]
}
