"""Files as people export them become the right events with no edit; what a file can't tell is asked about.

Each is made after a real one: its shape is that file's, its rows are not.
"""

from pathlib import Path

import pytest

from tests.corpus.scoring import Case, score_case

ZEEK = (
    "#separator \\x09\n#path\thttp\n#fields\tts\tuid\thost\turi\n#types\ttime\tstring\tstring\tstring\n"
    + "".join(f"{1379288667 + n}.668082\tC{n}\texample.org\t/p/{n}\n" for n in range(12))
    + "#close\t2014-04-03-10-08-27\n"
)
CROWD = '"AssignmentId","AcceptTime","SubmitTime","Answer","Approve","Reject"\n' + "".join(
    f'"A{n}X","Tue May 29 12:5{n}:27 PDT 2018","Tue May 29 13:0{n}:54 PDT 2018","W{n}"\n' for n in range(9)
)
FORUM = "".join(
    f'60628{n},"1","A message says \\"no, {n}\\", twice",{1267690260 + n},\\N\n' for n in range(40)
)
TRACKER = "sender_id,timestamp,event,message_id,synced_at\n" + "".join(
    f"s{n % 4},{1573120782 + n}.36,{'slot' if n % 5 else 'user'},{'' if n % 5 else f'm{n}'},2024-01-01T00:00:00Z\n"
    for n in range(40)
)
SALES = "Invoice;Date;Time;Total\n" + "".join(
    f"I{n};{n % 28 + 1}/3/2019;{n % 12 + 8}:0{n % 10};{n},50\n" for n in range(30)
)
SHORT = "Invoice,Date,Total\n" + "".join(f"I{n},0{n % 9 + 1}/0{n % 7 + 1}/2019,{n}\n" for n in range(30))
SYSLOG = "at,host,text\n" + "".join(
    f"{'Dec 31' if n < 10 else 'Jan  1'} 10:00:{n:02d},h{n % 3},line {n}\n" for n in range(20)
)
STATION = "Air quality of one station\nall times local\n\ntime,NO2,O3\n-,ug/m3,ug/m3\n" + "".join(
    f"{n % 28 + 1:02d}.01.2006 {n % 24:02d}:00,{n}.5,{n}\n" for n in range(30)
)
CHAT = "id,thread_id,role,text,created_at,updated_at\n" + "".join(
    f'm{n},t{n // 4},{"bot" if n % 2 else "user"},"so, {n}?",2024-05-0{n % 9 + 1}T10:00:00+02:00,2025-01-01T00:00Z\n'
    for n in range(24)
)
SEARCHES = "sep=;\nq;when;hits\n" + "".join(f"how to {n};{45322 + n}.5;{n}\n" for n in range(24))
CLICKS = 'user_id, "query", at\n' + "".join(f'u{n % 5}, "a, {n}", {1700000000000 + n}\n' for n in range(24))

CASES = [
    Case("http.log.csv", ZEEK, 12, ("ts",), "2013-09-15T23:44:27Z", "2013-09-15T23:44:38Z", "\t"),
    Case("batch.csv", CROWD, 9, ("SubmitTime",), "2018-05-29T20:00:54Z", "2018-05-29T20:08:54Z"),
    Case("forum.csv", FORUM, 40, ("number_3",), "2010-03-04T08:11:00Z", "2010-03-04T08:11:39Z"),
    Case("tracker.csv", TRACKER, 40, ("timestamp",), "2019-11-07T09:59:42Z", "2019-11-07T10:00:21Z",
         entity=("conversation", "sender_id")),
    Case("sales.csv", SALES, 30, ("Date", "Time"), "2019-03-01T08:00:00Z", "2019-03-28T11:07:00Z", ";", asks=("zone",)),
    Case("short.csv", SHORT, 30, ("Date",), "2019-01-01T00:00:00Z", "2019-09-06T00:00:00Z",
         asks=("zone", "in which order", "midnight")),
    Case("syslog-2022.csv", SYSLOG, 20, ("at",), "2022-12-31T10:00:00Z", "2023-01-01T10:00:19Z", asks=("year", "zone")),
    Case("station.csv", STATION, 30, ("time",), "2006-01-01T00:00:00Z", "2006-01-28T03:00:00Z", asks=("zone",)),
    Case("chat.csv", CHAT, 24, ("created_at",), "2024-05-01T08:00:00Z", "2024-05-09T08:00:00Z",
         entity=("message", "id")),
    Case("searches.csv", SEARCHES, 24, ("when",), "2024-01-31T12:00:00Z", "2024-02-23T12:00:00Z", ";",
         entity=("search", "q"), asks=("zone",)),
    Case("clicks.csv", CLICKS, 24, ("at",), "2023-11-14T22:13:20Z", "2023-11-14T22:13:20Z", entity=("search", "query")),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_file_needs_no_edit(case: Case, tmp_path: Path) -> None:
    assert score_case(case, tmp_path) == "ABCDE"
