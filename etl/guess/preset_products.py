"""Presets of what products and models log, after each vendor's documented export format. Pure: a table."""

from typing import Any, Final

from etl.guess.preset import Preset

__all__ = ["PRODUCTS"]

SESSIONS_WHY: Final = "events of a product, told apart by session: say so if yours are messages or searches"


def _sessions(session: str) -> dict[str, Any]:
    return {"entityType": {"value": "conversation"}, "conversationId": session}


PRODUCTS: Final[dict[str, Preset]] = {
    "mixpanel": Preset(
        "Mixpanel raw event export (NDJSON)",
        ("event", "properties.time", "properties.distinct_id"),
        {"type": "event", **_sessions("properties.distinct_id"),
            "createdAt": {"column": "properties.time", "format": "epoch_s"}},
        {"id": "properties.distinct_id"},
        {"entityType": SESSIONS_WHY, "createdAt": ("projects made before 2023 may export local times: the project's "
            "settings say its zone")},
    ),
    "amplitude": Preset(
        "Amplitude event export (NDJSON)",
        ("event_type", "event_time", "session_id", "device_id"),
        {"type": "event_type", **_sessions("session_id"), "createdAt": {"column": "event_time", "timezone": "UTC"},
            "id": {"column": "uuid", "verbatim": True}},
        {"id": "user_id"},
        {"entityType": SESSIONS_WHY},
    ),
    "posthog": Preset(
        "PostHog event export",
        ("event", "distinct_id", "timestamp", "properties"),
        {"type": "event", **_sessions("distinct_id"), "createdAt": {"column": "timestamp", "timezone": "UTC"},
            "id": {"column": "uuid", "verbatim": True}},
        {"id": "distinct_id"},
        {"entityType": SESSIONS_WHY},
    ),
    "segment": Preset(
        "Segment raw calls (NDJSON)",
        ("messageId", "anonymousId", "type", "originalTimestamp"),
        {"type": {"sql": "COALESCE(event, type)"}, **_sessions("anonymousId"), "createdAt": "timestamp",
            "id": {"column": "messageId", "verbatim": True}},
        {"id": "userId"},
        {"entityType": SESSIONS_WHY},
        {"createdAt": ("originalTimestamp",)},
    ),
    "ga4": Preset(
        "Google Analytics 4 export from BigQuery (Parquet or NDJSON)",
        ("event_timestamp", "event_name", "user_pseudo_id"),
        {"type": "event_name", **_sessions("user_pseudo_id"),
            "createdAt": {"column": "event_timestamp", "format": "epoch_us"}},
        {"id": "user_pseudo_id"},
        {"entityType": SESSIONS_WHY},
    ),
    "intercom": Preset(
        "Intercom conversations (NDJSON)",
        ("id", "created_at", "source.author.id", "state"),
        {"entityType": {"value": "conversation"}, "type": {"value": "conversation_created"}, "conversationId": "id",
            "createdAt": {"column": "created_at", "format": "epoch_s"}},
        {"id": "source.author.id"},
    ),
    "zendesk": Preset(
        "Zendesk tickets (NDJSON or CSV)",
        ("id", "created_at", "requester_id", "subject", "status"),
        {"entityType": {"value": "conversation"}, "type": {"value": "ticket_created"}, "conversationId": "id",
            "createdAt": "created_at"},
        {"id": "requester_id"},
    ),
    "openai": Preset(
        "OpenAI-style chat completions (NDJSON)",
        ("id", "object", "created", "model", "choices"),
        {"entityType": {"value": "message"}, "type": {"value": "assistant_message_received"}, "messageId": "id",
            "createdAt": {"column": "created", "format": "epoch_s"}},
        {"id": "user"},
    ),
    "inkeep": Preset(
        "Inkeep widget callback log (NDJSON)",
        ("eventName", "properties", "timestamp"),
        {
            "type": "eventName",
            "entityType": {
                "column": "eventName",
                "map": {
                    **dict.fromkeys(("search_query_submitted", "search_query_response_received",
                        "search_result_clicked"), "search"),
                    **dict.fromkeys(
                        (
                            "chat_clear_button_clicked", "chat_share_button_clicked", "shared_chat_loaded",
                            "get_help_option_clicked",
                            "conversation_shared", "user_escalation_indicated", "modal_opened", "modal_closed",
                        ),
                        "conversation",
                    ),
                },
                "default": "message",
            },
            "messageId": "properties.messageId",
            "conversationId": "properties.conversationId",
            "searchQuery": "properties.searchQuery",
            "createdAt": "timestamp",
        },
        {"id": "userProperties.id"},
    ),
}  # fmt: skip
