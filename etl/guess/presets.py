"""Mappings of exports that people really have, after each vendor's documented export format. Pure: a table.

A preset is recognised by columns that only this export has (`a.b` is key b inside column a), or asked for by name.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from etl.guess.choices import Choice, JobGuess, Sureness

__all__ = ["PRESETS", "Preset", "apply_preset", "recognise_preset"]

SESSIONS_WHY: Final = "events of a product, told apart by session: say so if yours are messages or searches"


@dataclass(frozen=True, slots=True)
class Preset:
    """One export: `signature` are columns it always has; `event` and `user` what they become.

    `alternatives` names, for a field, other columns to take where the first is not there. `check` says what the
    export can't tell.
    """

    title: str
    signature: tuple[str, ...]
    event: dict[str, Any]
    user: dict[str, Any] = field(default_factory=dict)
    check: dict[str, str] = field(default_factory=dict)
    alternatives: dict[str, tuple[str, ...]] = field(default_factory=dict)


def _sessions(session: str) -> dict[str, Any]:
    return {"entityType": {"value": "conversation"}, "conversationId": session}


PRESETS: Final[dict[str, Preset]] = {
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


def recognise_preset(columns: Collection[str]) -> str | None:
    """Return the name of the preset whose signature the columns have; the longest one where several fit."""
    fitting = [name for name, preset in PRESETS.items() if set(preset.signature) <= set(columns)]
    return max(fitting, key=lambda name: len(PRESETS[name].signature), default=None)


def apply_preset(name: str, columns: Collection[str], *, time: Choice | None) -> JobGuess:
    """Return the job of a preset for a source with these columns; fields whose column isn't there are left out.

    `time` is what the texts themselves say of the time: it counts where they don't have the documented form.
    """
    preset = PRESETS[name]
    event: dict[str, Choice] = {}
    for key, value in preset.event.items():
        fitted = _fit(value, columns, preset.alternatives.get(key, ()))
        if fitted is None:
            continue
        doubt = preset.check.get(key)
        event[key] = Choice(
            fitted, doubt or f"as {preset.title} has it", Sureness.CHECK if doubt else Sureness.SURE
        )
    if time is not None and time.sureness is not Sureness.CHECK and "createdAt" in event:
        event["createdAt"] = Choice(time.value, event["createdAt"].why, event["createdAt"].sureness)
    user = {
        key: Choice(value, f"as {preset.title} has it")
        for key, value in preset.user.items()
        if value in columns
    }
    return JobGuess(event=event, user_properties=user, every_column=True, preset=name)


def _fit(value: Any, columns: Collection[str], alternatives: tuple[str, ...]) -> Any:
    column = value if isinstance(value, str) else value.get("column") if isinstance(value, Mapping) else None
    if column is None or column in columns:
        return value
    other = next((name for name in alternatives if name in columns), None)
    if other is None:
        return None
    return other if isinstance(value, str) else {**value, "column": other}
