"""Presets of search and access logs, after each vendor's documented log format. Pure: a table."""

from typing import Any, Final

from etl.guess.preset import Preset, RowsOf

__all__ = ["SEARCHES"]

# What sites call the parameter that holds what was searched for.
PARAMETERS: Final = (
    "q",
    "query",
    "search",
    "s",
    "search_query",
    "searchterm",
    "keyword",
    "keywords",
    "term",
    "text",
    "k",
)
NO_SEARCH: Final = "requests for other pages are no searches"


def _search(query: Any, created: Any) -> dict[str, Any]:
    return {"entityType": {"value": "search"}, "type": {"value": "search_query_submitted"}, "searchQuery": query,
        "createdAt": created}  # fmt: skip


SEARCHES: Final[dict[str, Preset]] = {
    "algolia": Preset(
        "Algolia search log (JSON)",
        ("timestamp", "query_body", "query_nb_hits", "processing_time_ms"),
        _search("query_body.query", "timestamp"),
    ),
    "elastic": Preset(
        "Elastic behavioral analytics (NDJSON)",
        ("@timestamp", "event.action", "search.query", "session.id"),
        {
            "type": {"column": "event.action", "map": {"search": "search_query_submitted",
                "search_click": "search_result_clicked"}, "default": "page_view"},
            "entityType": {"column": "event.action", "map": {"search": "search", "search_click": "search"},
                "default": "conversation"},
            "searchQuery": "search.query",
            "conversationId": "session.id",
            "createdAt": "@timestamp",
        },
        {"id": "user.id"},
    ),
    "matomo": Preset(
        "Matomo visit log (JSON)",
        ("idVisit", "visitorId", "actionDetails", "serverTimestamp"),
        _search("siteSearchKeyword", {"column": "timestamp", "format": "epoch_s"}),
        {"id": "visitor_id"},
        rows=RowsOf("type", "type = 'search'", "pages, downloads and links are no searches"),
        inner="*.actionDetails",
        beside={"visitor_id": "visitorId", "visit_id": "idVisit"},
    ),
    "cloudfront": Preset(
        "CloudFront standard log",
        ("date", "time", "x-edge-location", "cs-uri-stem", "cs-uri-query"),
        _search({"column": "cs-uri-query", "param": "q"}, {"columns": ("date", "time"), "format": "%Y-%m-%d %H:%M:%S",
            "timezone": "UTC"}),
        rows=RowsOf("cs-uri-query", "\"cs-uri-query\" ~ '(^|&){param}=[^&]'", NO_SEARCH),
        params=PARAMETERS,
    ),
    "access-log": Preset(
        "Apache or nginx access log",
        ("host", "time", "request", "target", "status"),
        _search({"column": "target", "param": "q"}, {"column": "time", "format": "%d/%b/%Y:%H:%M:%S %z"}),
        rows=RowsOf("target", "target ~ '[?&]{param}=[^&]'", NO_SEARCH),
        params=PARAMETERS,
    ),
}  # fmt: skip
