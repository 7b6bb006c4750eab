"""The event types that the API's own widgets and documentation use, and what each means. Any other text will do."""

import re
from difflib import SequenceMatcher
from typing import Final

__all__ = ["EVENT_TYPES", "is_known_type", "nearest_type"]

# By the entity that such an event is about. The names are the API's; the meanings are read from them.
EVENT_TYPES: Final = {
    "message": {
        "user_message_submitted": "A person sent a question to the assistant.",
        "assistant_message_received": "The assistant's answer arrived.",
        "assistant_answer_displayed": "The assistant's answer was shown.",
        "assistant_message_copied": "An answer was copied.",
        "assistant_code_block_copied": "A block of code in an answer was copied.",
        "assistant_message_inline_link_opened": "A link inside an answer was opened.",
        "assistant_source_item_clicked": "One of the sources under an answer was opened.",
        "assistant_positive_feedback_submitted": "An answer was marked as good.",
        "assistant_negative_feedback_submitted": "An answer was marked as bad.",
    },
    "conversation": {
        "user_escalation_indicated": "A person showed that they want a human's help.",
        "get_help_option_clicked": "One of the ways to get help was chosen.",
        "chat_clear_button_clicked": "The chat was cleared.",
        "chat_share_button_clicked": "The button that shares a chat was pressed.",
        "conversation_shared": "A conversation was shared.",
        "shared_chat_loaded": "A shared chat was opened.",
        "modal_opened": "The widget's window was opened.",
        "modal_closed": "The widget's window was closed.",
    },
    "search": {
        "search_query_submitted": "A search was asked for.",
        "search_query_response_received": "The results of a search arrived.",
        "search_result_clicked": "One of the results was opened.",
    },
}

_KNOWN: Final = tuple(name for types in EVENT_TYPES.values() for name in types)
_LEAST_LIKENESS: Final = 0.7


def is_known_type(name: str) -> bool:
    """Whether the API's own widgets and documentation use the type."""
    return name in _KNOWN


def nearest_type(name: str) -> str | None:
    """Return the known type that `name` most likely means, None where none is near: by letters, or by its words."""
    words = [
        word for word in re.split(r"[^a-z0-9]+", re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()) if word
    ]
    likeness = {known: _likeness(words, known) for known in _KNOWN}
    nearest = max(_KNOWN, key=likeness.__getitem__)
    return nearest if likeness[nearest] >= _LEAST_LIKENESS else None


def _likeness(words: list[str], known: str) -> float:
    """Return how alike the words and a known type are, from 0 to 1."""
    parts = known.split("_")
    letters = SequenceMatcher(None, "_".join(words), known).ratio()
    # Two words or more that are all in the name, in any order, say which is meant, where few others have them.
    shared = len(words) >= 2 and set(words) <= set(parts)
    return max(letters, _LEAST_LIKENESS + 0.1 * letters if shared else 0.0)
