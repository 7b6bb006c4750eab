"""Deterministic ids: UUIDv5 of the body, of key columns, or the source's own. Pure.

The scheme is `etl.event.ID_SCHEME_VERSION`; golden vectors pin it.
"""

from typing import Final

import polars as pl
import polars_hash  # noqa: F401 - registers the `uuidhash` namespace

from etl.event import ID_NAMESPACE
from etl.transform.values import encode_string, quote

__all__ = ["NUMBER_SEPARATOR", "body_of", "id_of", "key_name", "name_of_body"]

NUMBER_SEPARATOR: Final = "\x1f"


def id_of(name: pl.Expr) -> pl.Expr:
    """Return the UUIDv5 of a name, as text."""
    return name.uuidhash.uuid5(str(ID_NAMESPACE))  # type: ignore[attr-defined,no-any-return]


def key_name(entity_type: pl.Expr, texts: dict[str, pl.Expr]) -> pl.Expr:
    """Return the name of an id by key: the compact JSON object of the entity type and the columns, in order."""
    pieces = [pl.lit('{"entityType":'), encode_string(entity_type)]
    for column, text in texts.items():
        pieces += [pl.lit(f",{quote(column)}:"), encode_string(text)]
    return pl.concat_str(*pieces, pl.lit("}"))


def body_of(event_id: pl.Expr, name: pl.Expr, *, is_uuid: bool) -> pl.Expr:
    """Return the body: `name`, the JSON object without its id, with the id put first."""
    encoded = pl.concat_str(pl.lit('"'), event_id, pl.lit('"')) if is_uuid else encode_string(event_id)
    return pl.concat_str(pl.lit('{"id":'), encoded, pl.lit(","), name.str.strip_prefix("{"))


def name_of_body(body: pl.Expr) -> pl.Expr:
    """Return the name a content id is the hash of: the body without its UUID."""
    return pl.concat_str(pl.lit("{"), body.str.slice(len('{"id":"",') + 36))
