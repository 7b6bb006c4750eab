"""A few rows of each export that `init` knows, shaped after the vendor's documented export format."""

from typing import Any, NamedTuple

__all__ = ["EXPORTS", "Export"]


class Export(NamedTuple):
    """Rows of an export, and what is known of the events they become."""

    rows: list[dict[str, Any]]
    first_at: str
    kinds: dict[tuple[str, str], int]


def _mixpanel(number: int) -> dict[str, Any]:
    properties = {
        "time": 1602611311 + number, "distinct_id": f"user-{number % 2}",
        "$insert_id": f"hpuDqcvpltpCjBsebtxwadtEBDnAdyc{number}",
        "$browser": "Chrome", "mp_country_code": "GB", "mp_processing_time_ms": 1602625711874 + number, "plan": None,
    }  # fmt: skip
    return {"event": "Signed up" if number % 2 else "Viewed page", "properties": properties}


def _amplitude(number: int) -> dict[str, Any]:
    return {
        "$insert_id": f"in-{number}", "amplitude_id": 2357925820 + number, "app": 141243,
        "client_event_time": f"2023-10-21 01:22:5{number}.013000",
        "device_id": "8BB3F1D5", "event_id": number, "event_properties": {"page": "/docs", "n": number},
        "event_time": f"2023-10-21 01:22:5{number}.013000",
        "event_type": "Docs viewed", "session_id": 1697851372000, "user_id": "a@b", "user_properties": {},
        "uuid": f"aaaa-{number}",
    }  # fmt: skip


def _posthog(number: int) -> dict[str, Any]:
    return {
        "uuid": f"018c-{number}", "event": "$pageview", "properties": {"$current_url": "https://docs.example.com",
            "$session_id": "s1"},
        "timestamp": f"2024-01-0{number + 1}T10:00:00.123000+00:00", "distinct_id": "d1", "elements_chain": "",
        "person_id": "p1",
        "created_at": f"2024-01-0{number + 1}T10:00:05+00:00",
    }  # fmt: skip


def _segment(number: int) -> dict[str, Any]:
    call = "track" if number % 2 else "page"
    return {
        "anonymousId": "507f191e810c19729de860ea", "channel": "browser",
        "context": {"ip": "8.8.8.8", "library": {"name": "analytics.js"}},
        "event": "Article read" if call == "track" else None, "messageId": f"ajs-{number}",
        "originalTimestamp": f"2023-12-10T04:08:3{number}.909Z",
        "properties": {"title": "Errors"}, "receivedAt": "2023-12-10T04:08:40.001Z",
        "sentAt": "2023-12-10T04:08:39.581Z",
        "timestamp": f"2023-12-10T04:08:3{number}.905Z", "type": call, "userId": "97980cfea0067", "version": 2,
    }  # fmt: skip


def _ga4(number: int) -> dict[str, Any]:
    return {
        "event_date": "20240105", "event_timestamp": str(1704412800123456 + number), "event_name": "page_view",
        "event_params": [{"key": "page_title", "value": {"string_value": "Docs", "int_value": None}}],
        "user_pseudo_id": "1234.5678",
        "user_id": None, "geo": {"country": "France"}, "stream_id": "42", "platform": "WEB",
    }  # fmt: skip


def _intercom(number: int) -> dict[str, Any]:
    return {
        "type": "conversation", "id": f"14730{number}", "created_at": 1663597223 + number, "updated_at": 1663597260,
        "title": None,
        "source": {"type": "conversation", "id": "403918", "body": "<p>hi</p>",
            "author": {"type": "user", "id": f"6329d{number}", "email": "who@example.com"}},
        "state": "closed", "open": False, "read": True, "tags": {"type": "tag.list", "tags": []},
        "statistics": {"count_replies": 2},
    }  # fmt: skip


def _zendesk(number: int) -> dict[str, Any]:
    return {
        "id": 35436 + number, "url": f"https://example.zendesk.com/api/v2/tickets/{number}.json", "external_id": None,
        "created_at": f"2022-07-20T22:55:2{number}Z", "updated_at": "2022-08-05T10:38:52Z", "type": "incident",
        "subject": "Help, the API fails",
        "description": "It returns 500", "priority": "high", "status": "open", "requester_id": 20978392,
        "assignee_id": 235323, "tags": ["api", "bug"],
    }  # fmt: skip


def _openai(number: int) -> dict[str, Any]:
    return {
        "id": f"chatcmpl-B9MBs8CjcvOU2jLn4n570S5qMJKc{number}", "object": "chat.completion",
        "created": 1741569952 + number, "model": "gpt-4.1",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hello!"}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 19, "completion_tokens": 10, "total_tokens": 29}, "service_tier": "default",
    }  # fmt: skip


def _inkeep(number: int) -> dict[str, Any]:
    kind = (
        "assistant_message_copied",
        "search_query_submitted",
        "chat_share_button_clicked",
        "user_message_submitted",
    )[number % 4]
    subject = {"messageId": f"m{number}", "conversationId": "c1"}
    if kind.startswith("search"):
        subject = {"searchQuery": "how to rotate keys"}
    return {
        "eventName": kind, "timestamp": f"2024-05-0{number + 1}T09:00:00.000Z",
        "properties": {"widgetLibraryVersion": "0.4", **subject},
        "userProperties": {"id": "u1", "identificationType": "COOKIED"},
    }  # fmt: skip


EXPORTS = {
    "mixpanel": Export(
        [*map(_mixpanel, range(4))],
        "2020-10-13T17:48:31Z",
        {("conversation", "Signed up"): 2, ("conversation", "Viewed page"): 2},
    ),
    "amplitude": Export(
        [*map(_amplitude, range(4))], "2023-10-21T01:22:50Z", {("conversation", "Docs viewed"): 4}
    ),
    "posthog": Export([*map(_posthog, range(4))], "2024-01-01T10:00:00Z", {("conversation", "$pageview"): 4}),
    "segment": Export(
        [*map(_segment, range(4))],
        "2023-12-10T04:08:30Z",
        {("conversation", "Article read"): 2, ("conversation", "page"): 2},
    ),
    "ga4": Export([*map(_ga4, range(4))], "2024-01-05T00:00:00Z", {("conversation", "page_view"): 4}),
    "intercom": Export(
        [*map(_intercom, range(4))], "2022-09-19T14:20:23Z", {("conversation", "conversation_created"): 4}
    ),
    "zendesk": Export(
        [*map(_zendesk, range(4))], "2022-07-20T22:55:20Z", {("conversation", "ticket_created"): 4}
    ),
    "openai": Export(
        [*map(_openai, range(4))], "2025-03-10T01:25:52Z", {("message", "assistant_message_received"): 4}
    ),
    "inkeep": Export(
        [*map(_inkeep, range(4))],
        "2024-05-01T09:00:00Z",
        {
            ("message", "assistant_message_copied"): 1,
            ("search", "search_query_submitted"): 1,
            ("conversation", "chat_share_button_clicked"): 1,
            ("message", "user_message_submitted"): 1,
        },
    ),
}
