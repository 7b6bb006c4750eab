"""Files of the exports that `init` knows by more than their columns, shaped after each vendor's documented format."""

import csv
import gzip
import io
import json
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from tests.read.workbooks import write_xlsx

__all__ = ["FILES", "ExportFiles"]

Kinds = dict[tuple[str, str], int]
ASKED = ("message", "user_message_submitted")
TICKET = ("conversation", "ticket_created")
SEARCH = ("search", "search_query_submitted")


class ExportFiles(NamedTuple):
    """How the files are written, and what is known of the events they become: the first of them, whole."""

    write: Callable[[Path], Path]
    preset: str
    kinds: Kinds
    first: dict[str, Any]
    skipped: int = 0


def _write_json(path: Path, value: Any, indent: int | None = 2) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, indent=indent), encoding="utf-8")
    return path


def _csv(path: Path, header: Sequence[str], rows: Sequence[Sequence[Any]]) -> Path:
    text = io.StringIO()
    csv.writer(text, quoting=csv.QUOTE_ALL).writerows([header, *rows])
    path.write_text(text.getvalue(), encoding="utf-8-sig")
    return path


def _slack(folder: Path) -> Path:
    root = folder / "Acme [Slack] export"
    _write_json(root / "users.json", [{"id": "U1", "team_id": "T1", "name": "ada", "deleted": False}])
    _write_json(
        root / "channels.json", [{"id": "C1", "name": "general", "created": 1714550000, "members": ["U1"]}]
    )
    _write_json(root / "integration_logs.json", [])
    for channel, day, start in (("general", 1, 0), ("general", 2, 86_400), ("help", 1, 60)):
        messages = [
            {
                "client_msg_id": f"{channel}-{n}",
                "type": "message",
                "text": f"question {n}",
                "user": f"U{n}",
                "ts": f"{1714550400 + start + n}.000{n}00",
                "team": "T1",
                "blocks": [{"type": "rich_text"}],
            }
            for n in (1, 2)
        ]
        joined = {
            "subtype": "channel_join",
            "type": "message",
            "user": "U9",
            "text": "<@U9> has joined the channel",
            "ts": f"{1714550400 + start}.000000",
        }
        _write_json(root / channel / f"2024-05-0{day}.json", [joined, *messages])
    return root


def _slack_zip(folder: Path) -> Path:
    root = _slack(folder)
    with zipfile.ZipFile(folder / "slack.zip", "w") as archive:
        for file in sorted(root.rglob("*.json")):
            archive.write(file, file.relative_to(root).as_posix())
    return folder / "slack.zip"


def _discord(folder: Path) -> Path:
    messages: list[dict[str, Any]] = [
        {
            "id": f"12345678901234567{n}",
            "type": "Default",
            "timestamp": f"2024-05-01T08:00:0{n}.123+00:00",
            "timestampEdited": None,
            "isPinned": False,
            "content": f"question {n}",
            "author": {
                "id": "99",
                "name": "ada",
                "discriminator": "0000",
                "nickname": "Ada",
                "isBot": False,
                "roles": [],
            },
            "attachments": [],
            "embeds": [],
            "stickers": [],
            "reactions": [],
            "mentions": [],
        }
        for n in range(3)
    ]
    messages.append(
        {**messages[0], "id": "123456789012345679", "type": "GuildMemberJoin", "content": "Joined."}
    )
    document = {
        "guild": {"id": "1", "name": "Docs"},
        "channel": {"id": "777", "type": "GuildTextChat", "category": "Text", "name": "help", "topic": None},
        "dateRange": {"after": None, "before": None},
        "exportedAt": "2024-06-01T00:00:00+00:00",
        "messages": messages,
        "messageCount": 4,
    }
    return _write_json(folder / "Docs - help [777].json", document)


def _discord_csv(folder: Path) -> Path:
    rows = [("99", "ada", f"2024-05-01T08:00:0{n}.0000000+00:00", f"question {n}", "", "") for n in range(3)]
    header = ("AuthorID", "Author", "Date", "Content", "Attachments", "Reactions")
    return _csv(folder / "Docs - help [777].csv", header, rows)


def _discord_package(folder: Path) -> Path:
    root = folder / "package"
    _write_json(root / "messages" / "index.json", {"777": "help in Docs", "778": None})
    _write_json(root / "account" / "user.json", {"id": "99", "username": "ada"})
    for channel in ("c777", "c778"):
        _write_json(root / "messages" / channel / "channel.json", {"id": channel[1:], "type": "GUILD_TEXT"})
        rows = [
            {
                "ID": int(f"1234567{n}"),
                "Timestamp": f"2024-05-01 08:00:0{n}",
                "Contents": f"{channel} {n}",
                "Attachments": "",
            }
            for n in range(2)
        ]
        _write_json(root / "messages" / channel / "messages.json", rows)
    return root


def _telegram_messages(count: int) -> list[dict[str, Any]]:
    service = {
        "id": 1,
        "type": "service",
        "date": "2024-05-01T10:00:00",
        "date_unixtime": "1714550400",
        "actor": "Ada",
        "actor_id": "user5",
        "action": "create_group",
        "title": "Help",
        "text": "",
        "text_entities": [],
    }
    return [service] + [
        {
            "id": n,
            "type": "message",
            "date": f"2024-05-01T10:00:0{n}",
            "date_unixtime": str(1714550400 + n),
            "from": "Ada",
            "from_id": "user5",
            "text": f"question {n}" if n % 2 else ["see ", {"type": "link", "text": "docs"}],
            "text_entities": [{"type": "plain", "text": "x"}],
        }
        for n in range(2, 2 + count)
    ]


def _telegram(folder: Path) -> Path:
    chat = {"name": "Help", "type": "private_supergroup", "id": 4242, "messages": _telegram_messages(3)}
    return _write_json(folder / "result.json", chat, indent=1)


def _telegram_all(folder: Path) -> Path:
    chats = [
        {"name": name, "type": "personal_chat", "id": number, "messages": _telegram_messages(2)}
        for number, name in ((4242, "Help"), (4343, None))
    ]
    whole = {
        "about": "Here is the data you requested.",
        "personal_information": {"user_id": 5},
        "contacts": {"about": "", "list": [{"user_id": n, "first_name": "A"} for n in range(9)]},
        "chats": {"about": "", "list": chats},
    }
    return _write_json(folder / "result.json", whole, indent=1)


def _zendesk(folder: Path) -> Path:
    header = (
        "Summation column",
        "Id",
        "Requester",
        "Requester id",
        "Requester email",
        "Assignee",
        "Group",
        "Subject",
        "Tags",
        "Status",
        "Priority",
        "Via",
        "Created at",
        "Updated at",
    )
    rows = [
        (
            "1",
            3540 + n,
            "Ada",
            900 + n,
            "ada@example.com",
            "Bob",
            "Support",
            f"Login fails {n}",
            "login sso",
            "Open",
            "High",
            "Web form",
            f"2024-05-0{n} 09:3{n}",
            "2024-05-09 10:00",
        )
        for n in (1, 2, 3)
    ]
    return _csv(folder / "tickets.csv", header, rows)


def _hubspot(folder: Path) -> Path:
    header = (
        "Ticket ID",
        "Ticket name",
        "Pipeline",
        "Ticket status",
        "Priority",
        "Source",
        "Create date",
        "Ticket owner",
        "Associated Contact IDs",
    )
    rows = [
        (17900 + n, f"Login fails {n}", "Support", "New", "High", "Chat", f"2024-05-0{n} 09:30", "Bob", 55)
        for n in (1, 2)
    ]
    return write_xlsx(folder / "hubspot.xlsx", [header, *(tuple(map(str, row)) for row in rows)])


def _jira(folder: Path) -> Path:
    header = (
        "Summary",
        "Issue key",
        "Issue id",
        "Issue Type",
        "Status",
        "Project key",
        "Priority",
        "Assignee",
        "Reporter",
        "Created",
        "Updated",
        "Comment",
        "Comment",
    )
    rows = [
        (
            f"Login fails {n}",
            f"HELP-{n}",
            10000 + n,
            "Service Request",
            "Open",
            "HELP",
            "High",
            "bob",
            "ada",
            f"1{n}/May/24 9:3{n} AM",
            "20/May/24 1:00 PM",
            "one",
            "",
        )
        for n in (1, 2, 3)
    ]
    return _csv(folder / "jira.csv", header, rows)


def _freshdesk(folder: Path) -> Path:
    header = (
        "Ticket ID",
        "Subject",
        "Status",
        "Priority",
        "Source",
        "Type",
        "Agent",
        "Group",
        "Created time",
        "Due by Time",
        "Resolved time",
        "Full name",
        "Email",
    )
    rows = [
        (
            n,
            f"Login fails {n}",
            "Open",
            "High",
            "Email",
            "Incident",
            "Bob",
            "Support",
            f"2024-05-0{n} 09:30:15",
            "2024-05-09 09:30:15",
            "",
            "Ada",
            "ada@example.com",
        )
        for n in (1, 2, 3)
    ]
    return _csv(folder / "freshdesk.csv", header, rows)


def _salesforce(folder: Path) -> Path:
    header = (
        "Id",
        "CaseNumber",
        "ContactId",
        "AccountId",
        "Type",
        "Status",
        "Origin",
        "Subject",
        "Priority",
        "IsClosed",
        "ClosedDate",
        "CreatedDate",
        "OwnerId",
    )
    rows = [
        (
            f"5003t00002Abc{n}AAA",
            f"0000102{n}",
            "0033t00003Xyz1",
            "0013t1",
            "Question",
            "New",
            "Web",
            f"Login {n}",
            "High",
            "false",
            "",
            f"2024-05-0{n}T09:30:15.000+0000",
            "0053t1",
        )
        for n in (1, 2, 3)
    ]
    return _csv(folder / "Case.csv", header, rows)


def _algolia(folder: Path) -> Path:
    logs = [
        {
            "timestamp": f"2024-05-01T08:00:0{n}Z",
            "method": "POST",
            "answer_code": "200",
            "query_body": json.dumps({"query": f"rotate keys {n}", "page": 0}),
            "answer": "{...}",
            "url": "/1/indexes/docs/query",
            "ip": "93.184.216.34",
            "query_headers": "User-Agent: x",
            "sha1": f"abc{n}",
            "nb_api_calls": "1",
            "processing_time_ms": "1",
            "index": "docs",
            "query_nb_hits": "3",
        }
        for n in range(3)
    ]
    return _write_json(folder / "logs.json", {"logs": logs})


def _elastic(folder: Path) -> Path:
    def event(n: int) -> dict[str, Any]:
        action = ("search", "search_click", "page_view")[n]
        return {
            "@timestamp": f"2024-05-01T08:00:0{n}.123Z",
            "event": {"action": action},
            "session": {"id": "s1"},
            "user": {"id": "u1"},
            "search": {"query": "rotate keys"},
            "page": {"url": "https://docs.example.com"},
        }

    path = folder / "events.ndjson"
    path.write_text("\n".join(json.dumps(event(n)) for n in range(3)) + "\n", encoding="utf-8")
    return path


def _matomo(folder: Path) -> Path:
    def visit(n: int) -> dict[str, Any]:
        page = {
            "type": "action",
            "url": "https://docs.example.com/",
            "pageTitle": "Docs",
            "timestamp": 1714550400 + n,
        }
        search = {
            "type": "search",
            "siteSearchKeyword": f"rotate keys {n}",
            "timestamp": 1714550460 + n,
            "icon": None,
        }
        return {
            "idSite": 1,
            "idVisit": 700 + n,
            "visitIp": "0.0.0.0",
            "visitorId": f"v{n}",
            "actionDetails": [page, search],
            "serverTimestamp": 1714550400 + n,
            "serverDate": "2024-05-01",
            "visitDuration": 60,
        }

    return _write_json(folder / "matomo.json", [visit(n) for n in range(3)], indent=None)


def _cloudfront(folder: Path) -> Path:
    fields = [
        *(
            "date",
            "time",
            "x-edge-location",
            "sc-bytes",
            "c-ip",
            "cs-method",
            "cs(Host)",
            "cs-uri-stem",
            "sc-status",
        ),
        *(
            "cs(Referer)",
            "cs(User-Agent)",
            "cs-uri-query",
            "cs(Cookie)",
            "x-edge-result-type",
            "x-edge-request-id",
        ),
    ]
    queries = ("-", "q=rotate%20keys&page=1", "page=2", "lang=en&q=f%C3%BCr")
    rows = [
        (
            "2024-05-01",
            f"08:00:0{n}",
            "FRA56-P1",
            "2390",
            "192.0.2.100",
            "GET",
            "d111111abcdef8.cloudfront.net",
            "/search",
            "200",
            "-",
            "Mozilla/5.0%20(X11)",
            query,
            "-",
            "Hit",
            f"SOX4xwn4XV6Q4{n}==",
        )
        for n, query in enumerate(queries)
    ]
    lines = ["#Version: 1.0", f"#Fields: {' '.join(fields)}", *("\t".join(row) for row in rows)]
    path = folder / "E2EXAMPLE.2024-05-01-08.abcd.gz"
    path.write_bytes(gzip.compress("\n".join([*lines, ""]).encode(), mtime=0))
    return path


def _access_log(folder: Path) -> Path:
    targets = ("/", "/search?s=rotate+keys&p=1", "/style.css", "/search?p=2&s=%22a%20b%22", "/?q=", "/about")
    lines = [
        f'192.0.2.{n} - - [01/May/2024:10:00:0{n} +0200] "GET {target} HTTP/1.1" 200 512 "https://docs.example.com/" '
        '"Mozilla/5.0 (\\"X11\\")"'
        for n, target in enumerate(targets)
    ]
    path = folder / "access.log"
    path.write_text("\n".join([*lines, ""]), encoding="utf-8")
    return path


FILES = {
    "slack": ExportFiles(
        _slack,
        "slack",
        {ASKED: 6},
        {
            "messageId": "1714550401.000100",
            "conversationId": "general",
            "createdAt": "2024-05-01T08:00:01.000100Z",
        },
        skipped=3,
    ),
    "slack zip": ExportFiles(
        _slack_zip,
        "slack",
        {ASKED: 6},
        {
            "messageId": "1714550401.000100",
            "conversationId": "general",
            "createdAt": "2024-05-01T08:00:01.000100Z",
        },
        skipped=3,
    ),
    "discord": ExportFiles(
        _discord,
        "discord",
        {ASKED: 3},
        {"messageId": "123456789012345670", "conversationId": "777", "createdAt": "2024-05-01T08:00:00.123Z"},
        skipped=1,
    ),
    "discord csv": ExportFiles(
        _discord_csv,
        "discord-csv",
        {("conversation", "user_message_submitted"): 3},
        {"conversationId": "Docs - help [777].csv", "createdAt": "2024-05-01T08:00:00.000Z"},
    ),
    "discord package": ExportFiles(
        _discord_package,
        "discord-package",
        {ASKED: 4},
        {"messageId": "12345670", "conversationId": "c777", "createdAt": "2024-05-01T08:00:00.000Z"},
    ),
    "telegram": ExportFiles(
        _telegram,
        "telegram",
        {ASKED: 3},
        {"messageId": "2", "conversationId": "4242", "createdAt": "2024-05-01T08:00:02.000Z"},
        skipped=1,
    ),
    "telegram account": ExportFiles(
        _telegram_all,
        "telegram",
        {ASKED: 4},
        {"messageId": "2", "conversationId": "4242", "createdAt": "2024-05-01T08:00:02.000Z"},
        skipped=2,
    ),
    "zendesk csv": ExportFiles(
        _zendesk,
        "zendesk-csv",
        {TICKET: 3},
        {"conversationId": "3541", "createdAt": "2024-05-01T09:31:00.000Z"},
    ),
    "hubspot": ExportFiles(
        _hubspot, "hubspot", {TICKET: 2}, {"conversationId": "17901", "createdAt": "2024-05-01T09:30:00.000Z"}
    ),
    "jira": ExportFiles(
        _jira, "jira", {TICKET: 3}, {"conversationId": "HELP-1", "createdAt": "2024-05-11T09:31:00.000Z"}
    ),
    "freshdesk": ExportFiles(
        _freshdesk, "freshdesk", {TICKET: 3}, {"conversationId": "1", "createdAt": "2024-05-01T09:30:15.000Z"}
    ),
    "salesforce": ExportFiles(
        _salesforce,
        "salesforce",
        {TICKET: 3},
        {"conversationId": "00001021", "createdAt": "2024-05-01T09:30:15.000Z"},
    ),
    "algolia": ExportFiles(
        _algolia,
        "algolia",
        {SEARCH: 3},
        {"searchQuery": "rotate keys 0", "createdAt": "2024-05-01T08:00:00.000Z"},
    ),
    "elastic": ExportFiles(
        _elastic,
        "elastic",
        {SEARCH: 1, ("search", "search_result_clicked"): 1, ("conversation", "page_view"): 1},
        {"searchQuery": "rotate keys", "createdAt": "2024-05-01T08:00:00.123Z"},
    ),
    "matomo": ExportFiles(
        _matomo,
        "matomo",
        {SEARCH: 3},
        {"searchQuery": "rotate keys 0", "createdAt": "2024-05-01T08:01:00.000Z"},
        skipped=3,
    ),
    "cloudfront": ExportFiles(
        _cloudfront,
        "cloudfront",
        {SEARCH: 2},
        {"searchQuery": "rotate keys", "createdAt": "2024-05-01T08:00:01.000Z"},
        skipped=2,
    ),
    "access log": ExportFiles(
        _access_log,
        "access-log",
        {SEARCH: 2},
        {"searchQuery": "rotate keys", "createdAt": "2024-05-01T08:00:01.000Z"},
        skipped=4,
    ),
}
