"""The method appendix: docs/figures.md in Vietnamese, for whoever objects to a figure."""

from __future__ import annotations

from collections.abc import Iterator

from monitor.report.language import Tongue
from monitor.report.model import Heading, Paragraph

_METHOD: tuple[tuple[str, str, tuple[tuple[str, str], ...]], ...] = (
    (
        "1. Kết quả đo",
        "1. Outcomes",
        (
            (
                "Mỗi lượt thử của một phép kiểm tra từ một điểm đo là một kết quả, nhận diện bằng hệ thống, phép kiểm tra, "
                "điểm đo, thời điểm đến hạn (mili giây) và số thứ tự lượt. Bản ghi đầu tiên của một nhận diện được giữ lại.",
                "One try of one check from one location is an outcome, known by system, check, location, due instant (ms) "
                "and try. The first record of an identity is kept.",
            ),
            (
                "Bốn kết luận: đạt; suy giảm (trả lời đúng nhưng chậm hơn mục tiêu); lỗi (kèm nguyên nhân trong danh sách "
                "đóng); không kết luận được (lỗi phía hệ thống giám sát).",
                "Four verdicts: up; degraded (the right answer, too slowly); down (with a reason of a closed list); "
                "inconclusive (our own side failed).",
            ),
            (
                "Thời điểm được làm tròn xuống giây; kỳ là khoảng nửa mở, từ 0 giờ ngày đầu đến trước 0 giờ ngày liền sau "
                "ngày cuối, theo múi giờ của tỉnh. Nơi có kết quả nhập từ ngoài, cam kết chỉ xét trên kết quả tự đo.",
                "Instants are rounded down to seconds; periods are half-open, in the province's zone. Where outcomes were "
                "imported, objectives are judged on measured ones alone.",
            ),
        ),
    ),
    (
        "2. Trạng thái của phép kiểm tra",
        "2. The line of a check",
        (
            (
                "Một kết luận có hiệu lực đến kết luận kế tiếp, lâu nhất 2 × chu kỳ + thời hạn; sau đó là không có dữ liệu.",
                "A verdict holds until the next one, at most 2 x interval + timeout; then there are no data.",
            ),
            (
                "Gián đoạn được xác nhận bằng số lượt lỗi liên tiếp ghi ở bảng chính sách và bắt đầu từ lượt lỗi ĐẦU TIÊN; "
                "khôi phục được xác nhận bằng số lượt tốt liên tiếp và tính từ lượt tốt ĐẦU TIÊN. Một lượt lỗi bị bác bỏ "
                "không làm thay đổi trạng thái.",
                "Down is confirmed by so many failed tries in a row and begins at the FIRST of them; up again by so many "
                "good ones, from the FIRST. A failed try that is refuted changes nothing.",
            ),
        ),
    ),
    (
        "3. Nhiều điểm đo; mất tầm quan sát",
        "3. Several locations; blindness",
        (
            (
                "Phép kiểm tra gián đoạn khi quá nửa số điểm đo đang có dữ liệu (hoặc số đã đặt) thấy gián đoạn.",
                "A check is down when more than half of the reporting locations (or as many as set) see it down.",
            ),
            (
                "Khi mọi đích đối chứng của một điểm đo cùng hỏng, điểm đo đó mất tầm quan sát: toàn bộ giây đó là không có "
                "dữ liệu, không quy cho hệ thống nào.",
                "When all control targets of a location fail, it is blind: these seconds have no data, no system is blamed.",
            ),
        ),
    ),
    (
        "4. Trạng thái của hệ thống; trách nhiệm",
        "4. The line of a system; whose it is",
        (
            (
                "Hệ thống có trạng thái xấu nhất trong các phép kiểm tra trọng yếu, theo thứ tự gián đoạn, không có dữ liệu, "
                "suy giảm, hoạt động. Phép kiểm tra không trọng yếu chỉ làm hệ thống suy giảm.",
                "The worst of its critical checks: down, no data, degraded, up. Others make it degraded at most.",
            ),
            (
                "Gián đoạn của hệ thống phía sau trùng thời gian với gián đoạn của hệ thống mà nó đi qua thì thuộc về hệ "
                "thống gốc, cho đến giây đầu tiên hệ thống gốc không còn gián đoạn trong khoảng dung sai. Trách nhiệm thuộc "
                "bên của nguyên nhân gốc; quyết định của người có thẩm quyền được ưu tiên và được lưu vết.",
                "An outage that shares time with that of a parent is the parent's, until no parent is down within the "
                "grace. It is the root cause's party that answers; a person's decision wins and is kept.",
            ),
        ),
    ),
    (
        "5. Bảo trì; giờ làm việc",
        "5. Maintenance; service hours",
        (
            (
                "Bảo trì chỉ hợp lệ khi giữa ngày thông báo và ngày bắt đầu có đủ số ngày làm việc trọn vẹn mà hợp đồng yêu "
                "cầu; quá giờ kết thúc đã báo thì tính là gián đoạn.",
                "Maintenance is valid if so many whole working days lie between notice and first day; past its end it is "
                "downtime.",
            ),
            (
                "Giờ làm việc lấy theo lịch từng năm (ngày lễ, nghỉ bù, hoán đổi). Năm chưa có trong danh mục thì không tính; "
                "năm chưa chính thức thì số liệu là tạm tính.",
                "Hours follow the calendar of each year. A year that is not listed refuses the figure; one that is not "
                "official makes it provisional.",
            ),
        ),
    ),
    (
        "6. Ba độ sẵn sàng",
        "6. The three availabilities",
        (
            (
                "Toàn thời gian: mọi giây của kỳ trong thời gian hệ thống thuộc phạm vi theo dõi. Theo hợp đồng: trừ giây bảo "
                "trì hợp lệ và giây gián đoạn do bên khác. Trong giờ làm việc: chỉ các giây thuộc giờ làm việc.",
                "All hours: every second of the period in the system's life. By contract: less valid maintenance and down "
                "seconds of another party. In office hours: the seconds inside service hours.",
            ),
            (
                "Với mỗi tập giây: quan sát = tập − không có dữ liệu; độ sẵn sàng A = (quan sát − gián đoạn) / quan sát; độ "
                "phủ = quan sát / tập. Độ phủ dưới 95% thì tạm tính. 0/0 là không có dữ liệu, không phải 0% hay 100%. Suy "
                "giảm vẫn là sẵn sàng và có cột riêng.",
                "In each set: observed = set - no data; A = (observed - down) / observed; coverage = observed / set. Below "
                "95 % it is provisional. 0/0 is no data, never 0 or 100 %. Degraded is available and has its own column.",
            ),
            (
                "Độ sẵn sàng và độ phủ làm tròn XUỐNG, tỷ lệ lỗi và thời gian trung bình làm tròn LÊN; cam kết xét trên phân "
                "số chính xác.",
                "Availability and coverage are rounded DOWN, error rates and mean times UP; objectives are judged on exact "
                "fractions.",
            ),
        ),
    ),
    (
        "7. Sự cố; tỷ lệ lỗi",
        "7. Incidents; rates",
        (
            (
                "Gián đoạn được đếm ở kỳ mà nó bắt đầu, số giây được chia theo kỳ. Gián đoạn kế tiếp bắt đầu trong 600 giây "
                "sau khi kết thúc thì mở lại sự cố cũ. MTTR tính từ giây gián đoạn; MTBF = giây sẵn sàng / số sự cố.",
                "An outage is counted in the period in which it starts, its seconds are split. One that starts within 600 s "
                "reopens the incident before. MTTR is of down seconds; MTBF = available seconds / incidents.",
            ),
            (
                "Tỷ lệ lỗi của phép kiểm tra = lượt thứ nhất bị lỗi / lượt thứ nhất có kết quả; lượt thử lại đếm riêng. Tỷ lệ "
                "lỗi của giao dịch thật là số liệu khác, không gộp chung.",
                "Error rate of checks = failed first tries / conclusive first tries; rechecks are counted beside. That of "
                "real traffic is another figure and never mixed in.",
            ),
            (
                "Kỳ hành chính tính từ ngày 15 tháng trước đến ngày 14 theo Nghị định số 09/2019/NĐ-CP ngày 24/01/2019 của "
                "Chính phủ quy định về chế độ báo cáo của cơ quan hành chính nhà nước; kỳ dương lịch tính từ ngày đầu đến "
                "ngày cuối tháng.",
                "An administrative period runs from the 15th of the month before to the 14th (Decree 09/2019/ND-CP), a "
                "calendar one from the first day of a month to its last.",
            ),
        ),
    ),
)


def method_text(t: Tongue) -> Iterator[Heading | Paragraph]:
    """The rules, section by section."""
    for vi, en, said in _METHOD:
        yield Heading(2, t(vi, en))
        for text in said:
            yield Paragraph(t(*text), bullet=True)
