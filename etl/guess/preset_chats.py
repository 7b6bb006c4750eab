"""Presets of chats and tickets, after each vendor's documented export format. Pure: tables."""

from typing import Any, Final

from etl.guess.preset import Preset, RowsOf

__all__ = ["CHATS", "DOCUMENTS", "FOLDERS", "TICKETS"]

ACCOUNT_ZONE: Final = "written in the time zone of the account or of the person who exported: say which"
# Exports that are a folder, or an archive of one: the files that tell them, and those that hold the rows.
FOLDERS: Final[dict[tuple[str, ...], str]] = {
    ("users.json", "channels.json"): "*/*.json",
    ("messages/index.json",): "messages/*/messages.*",
}
# Lists that lead to the rows of a whole account's export.
DOCUMENTS: Final[dict[tuple[str, ...], str]] = {("chats", "list"): "chats.list.*.messages"}


def _message(created: Any, message: Any) -> dict[str, Any]:
    return {"entityType": {"value": "message"}, "type": {"value": "user_message_submitted"}, "messageId": message,
        "createdAt": created}  # fmt: skip


def _ticket(ticket: str, created: str, written: str) -> dict[str, Any]:
    time = {"column": created, "format": written, "timezone": "UTC"}
    return {"entityType": {"value": "conversation"}, "type": {"value": "ticket_created"}, "conversationId": ticket,
        "createdAt": time}  # fmt: skip


CHATS: Final[dict[str, Preset]] = {
    "slack": Preset(
        "Slack export (a folder a channel)",
        ("type", "ts", "user", "text"),
        _message({"column": "ts", "format": "epoch_s"}, "ts"),
        {"id": "user"},
        properties={"conversationId": {"source": "folder"}},
        looks={"ts": r"^\d{10}\.\d{6}$"},
        rows=RowsOf("subtype", "subtype IS NULL", "people who join, leave or rename a channel are no messages"),
    ),
    "discord": Preset(
        "DiscordChatExporter (JSON)",
        ("id", "type", "timestamp", "content", "author.id", "mentions"),
        _message("timestamp", "id"),
        {"id": "author.id"},
        properties={"conversationId": "channel_id"},
        rows=RowsOf("type", "type IN ('Default', 'Reply')", "who joins, pins or calls is no message"),
        beside={"channel_id": "channel.id", "channel": "channel.name"},
    ),
    "discord-csv": Preset(
        "DiscordChatExporter (CSV)",
        ("AuthorID", "Author", "Date", "Content", "Attachments", "Reactions"),
        {"entityType": {"value": "conversation"}, "type": {"value": "user_message_submitted"},
            "conversationId": {"source": "file"}, "createdAt": "Date"},
        {"id": "AuthorID"},
    ),
    "discord-package": Preset(
        "Discord data package (a folder a channel)",
        ("ID", "Timestamp", "Contents", "Attachments"),
        _message({"column": "Timestamp", "timezone": "UTC"}, "ID"),
        properties={"conversationId": {"source": "folder"}},
    ),
    "telegram": Preset(
        "Telegram export of a chat (result.json)",
        ("id", "type", "date_unixtime", "from_id", "text"),
        _message({"column": "date_unixtime", "format": "epoch_s"}, "id"),
        {"id": "from_id"},
        properties={"conversationId": {"column": "chat_id", "cast": "string"}},
        rows=RowsOf("type", "type = 'message'", "who joins, leaves or calls is no message"),
        beside={"chat_id": "id", "chat": "name"},
    ),
}  # fmt: skip

TICKETS: Final[dict[str, Preset]] = {
    "zendesk-csv": Preset(
        "Zendesk tickets as agents export a view (CSV)",
        ("Id", "Requester", "Subject", "Status", "Created at"),
        _ticket("Id", "Created at", "%Y-%m-%d %H:%M"),
        {"id": "Requester id"},
        {"createdAt": ACCOUNT_ZONE},
    ),
    "hubspot": Preset(
        "HubSpot tickets (CSV, Excel)",
        ("Ticket ID", "Ticket name", "Create date", "Ticket status"),
        _ticket("Ticket ID", "Create date", "%Y-%m-%d %H:%M"),
        {"id": "Associated Contact IDs"},
        {"createdAt": ACCOUNT_ZONE},
    ),
    "jira": Preset(
        "Jira Service Management issues (CSV)",
        ("Issue key", "Issue id", "Issue Type", "Summary", "Created"),
        _ticket("Issue key", "Created", "%d/%b/%y %I:%M %p"),
        {"id": "Reporter"},
        {"createdAt": ACCOUNT_ZONE},
    ),
    "freshdesk": Preset(
        "Freshdesk tickets (CSV, Excel)",
        ("Ticket ID", "Subject", "Status", "Created time"),
        _ticket("Ticket ID", "Created time", "%Y-%m-%d %H:%M:%S"),
        {"id": "Email"},
        {"createdAt": ACCOUNT_ZONE},
    ),
    "salesforce": Preset(
        "Salesforce cases (CSV)",
        ("CaseNumber", "Subject", "Status", "CreatedDate"),
        _ticket("CaseNumber", "CreatedDate", "iso8601"),
        {"id": "ContactId"},
    ),
}
