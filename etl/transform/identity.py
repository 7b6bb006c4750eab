"""Deterministic ids: UUIDv5 of the body, of key columns, or the source's own. Pure.

The scheme is `etl.event.ID_SCHEME_VERSION`; golden vectors pin it.
"""

from typing import Final

import polars as pl
import polars_hash  # noqa: F401 - registers the `uuidhash` and `nchash` namespaces

from etl.event import ID_NAMESPACE
from etl.transform.values import encode_string, quote

__all__ = ["body_of", "content_digest", "digest_of", "id_bytes", "id_of", "key_name"]

_UUID_CHARS: Final = 36


def id_of(name: pl.Expr) -> pl.Expr:
    """Return the UUIDv5 of a name, as text."""
    return name.uuidhash.uuid5(str(ID_NAMESPACE))  # type: ignore[attr-defined,no-any-return]


def key_name(entity_type: pl.Expr, texts: dict[str, pl.Expr]) -> pl.Expr:
    """Return the name of an id by key: the compact JSON object of the entity type and the columns, in order."""
    pieces = [pl.lit('{"entityType":'), encode_string(entity_type)]
    for column, text in texts.items():
        pieces += [pl.lit(f",{quote(column)}:"), encode_string(text)]
    return pl.concat_str(*pieces, pl.lit("}"))


def digest_of(name: pl.Expr) -> pl.Expr:
    """Return 128 bits that tell names apart, several times as fast as their ids: for counting, never for sending."""
    return name.nchash.xxh3_128(return_binary=True, byte_order="big")  # type: ignore[attr-defined,no-any-return]


def content_digest(content: pl.Expr) -> pl.Expr:
    """Return 64 bits that tell apart what is sent under one id; the ledger's parts keep them, so they never change."""
    return content.nchash.xxh3_64()  # type: ignore[attr-defined,no-any-return]


def body_of(event_id: pl.Expr, name: pl.Expr, *, is_uuid: bool) -> pl.Expr:
    """Return the body: `name`, the JSON object without its id, with the id put first."""
    encoded = pl.concat_str(pl.lit('"'), event_id, pl.lit('"')) if is_uuid else encode_string(event_id)
    return pl.concat_str(pl.lit('{"id":'), encoded, pl.lit(","), name.str.strip_prefix("{"))


def id_bytes(event_id: pl.Expr, *, is_uuid: bool) -> pl.Expr:
    """Return how many bytes a body grows by when `body_of` puts its id in front."""
    quoted = pl.lit(_UUID_CHARS + 2) if is_uuid else encode_string(event_id).str.len_bytes()
    return quoted.cast(pl.UInt32) + len('"id":,')
