"""What stands beside the evidence of an outage: programs and pages by which a stranger counts it again, in Vietnamese.

The programs say the rules of docs/figures.md once more, for awk alone: whoever doubts ours reads and runs these. They
share nothing with ours but the files, and tests compare the two on many outages.
"""

from __future__ import annotations

STATES_AWK = """\
# Mục 2 của phương pháp: từ các lần đo đến đường trạng thái của từng kiểm tra tại từng điểm đo.
# Đọc: luat.txt (phase=1), mu.txt (phase=2), lan-do.txt hai lượt (phase=3, 4).
# Ra: hệ thống, kiểm tra, điểm đo, từ giây, đến giây, trạng thái. U: tốt, D: gián đoạn, N: không có dữ liệu.
# Với -v controls=1: chỉ các đích đối chứng; dòng A là lần đo tốt, dòng B là thay đổi trạng thái (cho mu.awk).

phase == 1 && $1 == "window" { limit = $3 }
phase == 1 && $1 == "settings" {
    k = ++rules[$2, $3]
    from[$2, $3, k] = $4; hold[$2, $3, k] = $5; need_down[$2, $3, k] = $6; need_up[$2, $3, k] = $7
    most = $6 > $7 ? $6 : $7
    interval[$2, $3, k] = $8; each[$2, $3, k] = $9 + 2 * $10; tries[$2, $3, k] = most
}
phase == 2 { b = ++blinds[$1]; dark[$1, b] = $2; light[$1, b] = $3 }
phase == 3 && $1 == "_control" && rule() && $4 > last[$3] { last[$3] = $4 }
phase == 4 && ($1 == "_control") == controls && (r = rule()) {
    if ($1 " " $2 " " $3 != line) {
        finish()
        line = $1 " " $2 " " $3; key = $1 SUBSEP $2; place = $3; n = runs = until = 0; b = 1
    }
    while (b <= blinds[place] && dark[place, b] * 1000 <= $4) cut(dark[place, b++] * 1000)
    take($4, $7, hold[key, r], need_down[key, r], need_up[key, r])
}
END { finish() }

# Quy tắc có hiệu lực vào lúc đến hạn; 0: không có, hoặc lần đo bắt đầu vào lúc không thể có (đồng hồ bị chỉnh).
function rule(    i, k, count) {
    for (i = 1; i <= rules[$1, $2]; i++) if (from[$1, $2, i] <= $5) k = i
    if (!k) return 0
    count = $6 < tries[$1, $2, k] ? $6 : tries[$1, $2, k]
    return $4 >= $5 - 1000 && $4 <= $5 + interval[$1, $2, k] + count * each[$1, $2, k] ? k : 0
}
function state() { return n ? st[n] : "N" }
# Từ giây này trở đi là trạng thái này; những gì đã ghi cho sau đó không còn giá trị.
function put(second, s) { while (n && at[n] >= second) n--; at[++n] = second; st[n] = s }
function sec(ms) { return int(ms / 1000) }
# Điểm đo mất tầm quan sát: mọi thứ còn hiệu lực đều dừng tại đây.
function cut(ms) {
    if (ms >= until || (state() == "N" && !runs)) return
    if (state() != "N") put(sec(runs ? run[1] : ms), "N")
    until = ms; runs = 0
}
function is_blind(ms,    i) {
    for (i = 1; i <= blinds[place]; i++)
        if (dark[place, i] <= sec(ms) && (light[place, i] == "-" || sec(ms) < light[place, i])) return 1
    return 0
}
function take(ms, verdict, holds, downs, ups,    s, bad, i) {
    s = state()
    if (ms >= until) {                      # kết quả trước đã hết hiệu lực: không có dữ liệu từ đó
        if (s != "N") put(sec(runs ? run[1] : until), "N")
        s = "N"; runs = 0
    }
    if (verdict == "inconclusive" || is_blind(ms)) {
        if (s != "N") put(sec(runs ? run[1] : ms), "N")
        until = ms; runs = 0
        return
    }
    bad = verdict == "down"
    if (controls && !bad) printf "A %s %s %.0f\\n", place, ms, ms + holds
    if (!bad && s != "D") { put(sec(ms), "U"); runs = 0 }
    else if (bad && s == "D") runs = 0
    else {                                  # trái với trạng thái: cần đủ số lần liên tiếp
        run[++runs] = ms
        if (runs >= (bad ? downs : ups)) {
            for (i = 1; i <= runs; i++) put(sec(run[i]), bad ? "D" : "U")
            runs = 0
        }
    }
    until = ms + holds
}
function finish(    i, now, to) {
    if (line == "") return
    while (b <= blinds[place]) cut(dark[place, b++] * 1000)
    now = controls ? last[place] : limit * 1000
    if (state() != "N" && now >= until) put(sec(runs ? run[1] : until), "N")
    for (i = 1; i <= n; i++) {
        if (controls) { print "B", place, at[i], line, st[i]; continue }
        to = i < n && at[i + 1] < limit ? at[i + 1] : limit
        if (at[i] < to) print line, at[i], to, st[i]
    }
}
"""

BLIND_AWK = """\
# Mục 3 của phương pháp: điểm đo mất tầm quan sát khi mọi đích đối chứng có dữ liệu đều gián đoạn.
# Đọc: dòng A (lần đo tốt của đích đối chứng) rồi dòng B (thay đổi trạng thái), theo điểm đo và thời gian.
# Ra: điểm đo, từ giây, đến giây ("-": chưa thấy lại).

$1 == "A" { k = ++goods[$2]; good[$2, k] = $3; holds[$2, k] = $4; next }
$2 != place { close_place(); place = $2; second = $3 }
$3 != second { settle(); second = $3 }
{ now[$4, $5, $6] = $7 }
END { close_place() }

function settle(    c, sees, fails) {
    for (c in now) { if (now[c] == "U") sees = 1; if (now[c] == "D") fails = 1 }
    if (dark == "" && fails && !sees) dark = second
    else if (dark != "" && sees) { print place, begin(dark), second; dark = "" }
}
function close_place() {
    if (place == "") return
    settle()
    if (dark != "") print place, begin(dark), "-"
    dark = ""; split("", now)
}
# Bắt đầu từ lần đo tốt cuối cùng, nếu lần đó còn hiệu lực đến đây.
function begin(from,    i, best) {
    for (i = 1; i <= goods[place]; i++)
        if (int(good[place, i] / 1000) <= from)
            if (!best || good[place, i] > good[place, best] || \\
                (good[place, i] == good[place, best] && holds[place, i] > holds[place, best])) best = i
    return best && from * 1000 < holds[place, best] ? int(good[place, best] / 1000) : from
}
"""

OUTAGES_AWK = """\
# Mục 3, 4 và 7 của phương pháp: từ các điểm đo và kiểm tra đến hệ thống, rồi đến lần gián đoạn và sự cố.
# Đọc: luat.txt (phase=1), duong.txt (phase=2), moc.txt (phase=3: mọi giây có thay đổi, tăng dần).
# Ra: giây bắt đầu, giây kết thúc, số giây gián đoạn của sự cố.

phase == 1 && $1 == "incident" { first = $2; final = $3; reopen = $4 }
phase == 1 && $1 == "system" { role[$2] = $3; grace[$2] = $4; born[$2] = $5; dies[$2] = $6 }
phase == 1 && $1 == "line" && $2 != "_control" {
    name[++lines] = $2 " " $3 " " $4; check[lines] = $2 " " $3; quorum[$2 " " $3] = $5
}
phase == 2 { k = $1 " " $2 " " $3; i = ++pieces[k]; begin[k, i] = $4; end[k, i] = $5; what[k, i] = $6 }
phase == 3 { if (FNR > 1) slice(edge, $1); edge = $1 }
END { outages(); incidents() }

# Giữa hai mốc không có gì thay đổi.
function slice(from, to,    i, k, c, s, part, down, report, need, state) {
    split("", down); split("", report); split("", state)
    for (i = 1; i <= lines; i++) {
        k = name[i]
        if (!(k in at)) at[k] = 1
        while (at[k] <= pieces[k] && end[k, at[k]] <= from) at[k]++
        s = at[k] <= pieces[k] && begin[k, at[k]] <= from ? what[k, at[k]] : "N"
        report[check[i]] += s != "N"; down[check[i]] += s == "D"
    }
    for (c in report) {                     # kiểm tra, từ các điểm đo của nó
        need = quorum[c] ? quorum[c] : int(report[c] / 2) + 1
        if (down[c] >= need) s = "D"
        else if (!report[c] || (down[c] && report[c] < need)) s = "N"
        else s = "U"
        split(c, part, " ")
        k = part[1]                         # hệ thống, từ kiểm tra xấu nhất
        if (s == "D" || (s == "N" && state[k] != "D") || !(k in state)) state[k] = s
    }
    for (k in state) {
        if (from < born[k] || from >= dies[k]) state[k] = "N"
        if (role[k] == "self") own_line(from, to, state[k])
        else if (state[k] == "D") { low[++taken] = from; high[taken] = to; near[taken] = grace[k] }
    }
}
function own_line(from, to, s) {
    if (s == "U") open = 0
    if (s != "D") return
    if (!open) outage++
    open = 1
    from_[++downs] = from; to_[downs] = to; of[downs] = outage; shared[outage] += 0
}
# Giây của lần gián đoạn thuộc hệ thống cha từ đầu, cho đến giây đầu tiên không có hệ thống cha nào gián đoạn ở gần.
function outages(    i, j, t, reach, o) {
    for (i = 1; i <= downs; i++)
        for (j = 1; j <= taken; j++)
            if (from_[i] < high[j] && low[j] < to_[i]) shared[of[i]] = 1
    for (i = 1; i <= downs; i++) {
        o = of[i]
        for (t = from_[i]; shared[o] && t < to_[i]; t = reach) {
            reach = 0
            for (j = 1; j <= taken; j++)
                if (low[j] - near[j] <= t && t < high[j] + near[j] && high[j] + near[j] > reach)
                    reach = high[j] + near[j]
            if (!reach) { shared[o] = 0; break }
        }
        if (t < to_[i]) { if (!(o in start)) start[o] = t; seconds[o] += to_[i] - t }
        finish[o] = to_[i]
    }
}
# Lần gián đoạn bắt đầu không quá 600 giây sau lần trước là cùng một sự cố.
function incidents(    o, from, to, sum) {
    for (o = 1; o <= outage; o++) {
        if (!(o in start)) continue
        if (sum && start[o] - to <= reopen) { sum += seconds[o]; to = finish[o]; continue }
        tell(from, to, sum)
        from = start[o]; to = finish[o]; sum = seconds[o]
    }
    tell(from, to, sum)
}
function tell(from, to, sum) { if (sum && from < final && first < to) print from, to, sum }
"""

_TABLES = """\
awk -F'[:,]' '{ gsub(/[]["{}]/, "") } $1 == "kind" { for (i = 2; i <= NF; i += 2) printf "%s ", $i; print "" }' \\
  settings.json > tinh-lai/luat.txt
awk -F'[:,]' '{ gsub(/"/, ""); print $2, $4, $6, $12, $8, $10, $16 }' outcomes.jsonl |
  LC_ALL=C sort -k1,3 -k4,4n -k5,5n -k6,6n > tinh-lai/lan-do.txt
cd tinh-lai
: > khong.txt
awk -v controls=1 -f ../awk/trang-thai.awk phase=1 luat.txt phase=2 khong.txt phase=3 lan-do.txt phase=4 lan-do.txt |
  LC_ALL=C sort -k1,1 -k2,2 -k3,3n | awk -f ../awk/mat-tam-quan-sat.awk > mu.txt
awk -v controls=0 -f ../awk/trang-thai.awk phase=1 luat.txt phase=2 mu.txt phase=3 lan-do.txt phase=4 lan-do.txt \\
  > duong.txt
awk '$1 == "window" { print $2; print $3 } $1 == "system" { print $5; print $6 }' luat.txt > giay.txt
awk '{ print $4; print $5 }' duong.txt | cat giay.txt - | sort -nu > moc.txt
awk -f ../awk/gian-doan.awk phase=1 luat.txt phase=2 duong.txt phase=3 moc.txt > ket-qua.txt
cd ..
"""

_RESULT = """\
read -r bat_dau ket_thuc giay < tinh-lai/ket-qua.txt
echo "Bắt đầu: $(TZ={zone} date -d "@$bat_dau" '+%d/%m/%Y %H:%M:%S')"
echo "Kết thúc: $(TZ={zone} date -d "@$ket_thuc" '+%d/%m/%Y %H:%M:%S')"
echo "Số giây gián đoạn: $giay"
grep -qF "\\"measured\\":{{\\"start\\":$bat_dau,\\"end\\":$ket_thuc,\\"down_seconds\\":$giay," incident.json &&
  echo 'KHỚP với incident.json' || echo 'KHÔNG KHỚP với incident.json'
"""

_EVIDENCE = """\
while IFS= read -r dong; do printf '%s' "$dong" | sha256sum; done < evidence.jsonl | cut -d' ' -f1 |
  diff - <(cut -d' ' -f1 digests.txt) && echo 'Chứng cứ khớp mã băm'
"""

_DAYS = """\
for tep in days/*.txt; do
  ngay=$(basename "$tep" .txt)
  grep -qxF "$ngay $(sha256sum < "$tep" | cut -d' ' -f1)" seals.txt &&
    echo "Con dấu ngày $ngay: đúng" || echo "Con dấu ngày $ngay: SAI"
done
cut -d' ' -f1 digests.txt | cat outcomes.jsonl - | LC_ALL=C sort > tinh-lai/gui.txt
cat days/*.txt | LC_ALL=C sort | LC_ALL=C comm -23 tinh-lai/gui.txt - > tinh-lai/ngoai-con-dau.txt
echo "Số dòng không nằm dưới con dấu nào: $(wc -l < tinh-lai/ngoai-con-dau.txt)"
"""

_DAYS_ARE_HERE = """\
Mỗi tệp `days/NGÀY.txt` là toàn bộ nội dung đã niêm phong của một ngày (giờ UTC); mã SHA-256 của tệp chính là con dấu.
Lệnh sau kiểm tra con dấu, rồi kiểm tra mọi kết quả đo và chứng cứ ở đây đều nằm trong nội dung đã niêm phong.
"""

_DAYS_ARE_NOT_HERE = """\
Con dấu là mã SHA-256 của mọi kết quả đo và chứng cứ nhận được trong một ngày (giờ UTC), của mọi hệ thống, nên muốn tính
lại con dấu cần nội dung cả ngày. Bên nhận có quyền yêu cầu đơn vị giám sát xuất lại gói này kèm nội dung cả ngày
(`motcua evidence export {number} --with-days --out TỆP.zip`): khi đó có thư mục `days`, và bước này có lệnh kiểm tra.
"""


_PROCEDURE = """\
# Sự cố {number}: quy trình tính lại
{marking}
{title}
{measured}

Chỉ cần bash và các lệnh có sẵn trên Linux: sha256sum, awk, sort, grep, comm, diff, date. Giải nén gói, mở cửa sổ lệnh
trong thư mục đó, chạy lần lượt từng khối. Quy tắc tính ở PHUONG-PHAP.md; ba chương trình trong thư mục awk có chú thích
từng bước và không dùng chung mã với phần mềm giám sát.

## 1. Các tệp còn nguyên

{whole}

## 2. Chứng cứ khớp mã băm

Mỗi dòng của evidence.jsonl là những gì nhìn thấy ở một lần đo lỗi; digests.txt là mã SHA-256 và ngày nhận (UTC).

{evidence}

## 3. Con dấu

{seals}
{unsealed}
Con dấu trong seals.txt chỉ có giá trị khi trùng với bản đã gửi ra ngoài trước khi có tranh chấp (thư hằng ngày, báo cáo
tháng): hãy đối chiếu.

## 4. Tính lại

Từ các lần đo (outcomes.jsonl) và quy tắc (settings.json) đến đường trạng thái, rồi đến sự cố.

{tables}

## 5. Kết quả

{result}

Muốn xem tận mắt: `tinh-lai/lan-do.txt` có từng lần đo (hệ thống, kiểm tra, điểm đo, lúc bắt đầu và lúc đến hạn tính
bằng mili giây, lần thử, kết quả), `tinh-lai/duong.txt` có trạng thái của từng đường.
"""

_WHOLE = """\
mkdir -p tinh-lai
sha256sum --check --quiet SHA256SUMS && echo 'Các tệp còn nguyên'
"""


def procedure(number: int, title: str, measured: str, zone: str, unsealed: str, *, marking: str, days: bool) -> str:
    """The page by which the outage is counted again; its blocks of bash are run in order, in the unpacked folder.

    `title`, `measured` and `unsealed` are sentences, the last may be empty; `marking` is that of simulated data.
    """
    return _PROCEDURE.format(
        number=number,
        marking=_marked(marking),
        title=title,
        measured=measured,
        whole=_block(_WHOLE),
        evidence=_block(_EVIDENCE),
        seals=_DAYS_ARE_HERE + "\n" + _block(_DAYS) + "\n" if days else _DAYS_ARE_NOT_HERE.format(number=number),
        unsealed=unsealed + "\n" if unsealed else "",
        tables=_block(_TABLES),
        result=_block(_RESULT.format(zone=zone)),
    )


def _marked(marking: str) -> str:
    return f"\n**{marking}**\n" if marking else ""


def _block(commands: str) -> str:
    return f"```bash\n{commands}```"


def method(*, marking: str) -> str:
    """The rules by which down seconds are counted: docs/figures.md, sections 1 to 4 and 7, in short."""
    return _METHOD.format(marking=_marked(marking))


_METHOD = """\
# Phương pháp tính
{marking}
Thời gian trong các tệp là UTC, tính bằng mili giây hoặc giây từ 01/01/1970. Mọi khoảng thời gian gồm điểm đầu, không
gồm điểm cuối. Các thiết lập có ngày hiệu lực; một lần đo được xét theo thiết lập có hiệu lực vào lúc đến hạn
(settings.json).

## 1. Lần đo

- Mỗi dòng của outcomes.jsonl là một lần đo của một kiểm tra từ một điểm đo. Lần thử 1 là theo lịch, 2 trở đi là đo
  lại, 0 là đo ngoài lịch.
- Kết quả: tốt (`up`), chậm nhưng đúng (`degraded`, vẫn tính là tốt), lỗi (`down`), không kết luận (`inconclusive`:
  lỗi phía hệ thống giám sát, không tính cho ai).
- Lần đo nằm tại giây bắt đầu của nó, làm tròn xuống. Lần đo bắt đầu sớm hơn lúc đến hạn quá 1 giây, hoặc muộn hơn chu
  kỳ + số lần thử x (thời hạn + 2 x khoảng cách đo lại), được lưu nhưng không xét (đồng hồ bị chỉnh).

## 2. Đường trạng thái của một kiểm tra tại một điểm đo

- Một kết quả có hiệu lực đến kết quả sau, lâu nhất 2 x chu kỳ + thời hạn; sau đó là không có dữ liệu. Một kết quả
  không kết luận chấm dứt hiệu lực của kết quả trước.
- Gián đoạn được xác nhận bởi `confirm_down` lần lỗi liên tiếp, tính từ lần lỗi ĐẦU TIÊN. Lần tốt làm đứt chuỗi, lần
  không kết luận cắt chuỗi.
- Hoạt động lại được xác nhận bởi `confirm_up` lần tốt liên tiếp; gián đoạn kết thúc tại lần tốt ĐẦU TIÊN.
- Lần lỗi bị bác bỏ: trạng thái trước đó tiếp tục. Chuỗi đang nghi ngờ mà bị im lặng cắt: không có dữ liệu từ lần đầu.
- Sau khi không có dữ liệu, không nhớ gì của trước đó: lần tốt đầu tiên được tính ngay.

## 3. Nhiều điểm đo, mất tầm quan sát

- Kiểm tra gián đoạn khi đủ `quorum` điểm đo gián đoạn (0: quá nửa số điểm đo có dữ liệu). Có điểm gián đoạn nhưng
  không đủ điểm có dữ liệu để kết luận: không có dữ liệu.
- Đích đối chứng (`_control`) cho biết đường truyền của chính điểm đo. Khi mọi đích có dữ liệu đều gián đoạn, điểm đo
  mất tầm quan sát: từ lần đo tốt cuối cùng còn hiệu lực đến lần tốt đầu tiên; mọi lần đo trong đó là không kết luận.

## 4. Hệ thống

- Xấu nhất của các kiểm tra quan trọng: gián đoạn, không có dữ liệu, tốt.
- Lần gián đoạn có chung giây với gián đoạn của hệ thống cha (mà nó đi qua) thuộc về hệ thống cha từ giây đầu, chừng
  nào còn hệ thống cha gián đoạn trong vòng `grace` giây trước hoặc sau; từ giây đầu tiên không còn, nó thuộc về chính
  hệ thống đó đến hết.

## 5. Lần gián đoạn và sự cố

- Lần gián đoạn là các giây gián đoạn liền nhau; im lặng ở giữa không làm đứt, cũng không được tính giây.
- Sự cố: lần gián đoạn bắt đầu không quá 600 giây sau lần trước thì thuộc cùng sự cố. Bắt đầu tại giây đầu tiên của
  chính hệ thống, kết thúc sau giây gián đoạn cuối. Số giây gián đoạn chỉ gồm giây của chính hệ thống.
- Gói này nêu giây đo được. Bảo trì có báo trước và trách nhiệm của bên khác được trừ khi tính độ sẵn sàng theo hợp
  đồng.
"""

PROGRAMS = {
    "awk/trang-thai.awk": STATES_AWK,
    "awk/mat-tam-quan-sat.awk": BLIND_AWK,
    "awk/gian-doan.awk": OUTAGES_AWK,
}
"""By their names in the packet."""
