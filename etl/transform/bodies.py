"""Builds the events of rows that passed the checks: content, id, body. Pure."""

from dataclasses import dataclass
from typing import Final

import polars as pl

from etl.event import ENTITY_FIELDS
from etl.transform.encode import Member, encode_object
from etl.transform.fields import FieldPlan
from etl.transform.identity import body_of, content_digest, digest_of, id_bytes, id_of, key_name
from etl.transform.origin import Original
from etl.transform.rules import BODY, SIZE
from etl.transform.time.field import CREATED_AT, TIME
from etl.transform.time.render import render_instant
from etl.values.rows import ROW

__all__ = ["EventFields", "add_bodies"]

CONTENT: Final = "\x1fcontent"
# Not `id`: the source may have a column of that name, which is kept with the event.
ID: Final = "\x1fid"


@dataclass(frozen=True, slots=True)
class EventFields:
    """The fields of an event, and what its id is made of: key columns, a column as it stands, or the content.

    `own` are the fields of the entities, by name; `extra` the ids of project and integration.
    """

    entity: FieldPlan
    kind: FieldPlan
    own: dict[str, FieldPlan]
    extra: dict[str, FieldPlan]
    properties: dict[str, FieldPlan]
    user_properties: dict[str, FieldPlan]
    keys: dict[str, FieldPlan]
    verbatim: FieldPlan | None

    @property
    def plans(self) -> tuple[FieldPlan, ...]:
        """Every field, in the order in which their checks are made."""
        required = (self.entity, self.kind, *self.own.values(), *self.keys.values())
        verbatim = (self.verbatim,) if self.verbatim is not None else ()
        optional = (*self.extra.values(), *self.properties.values(), *self.user_properties.values())
        return (*required, *verbatim, *optional)


def add_bodies(
    frame: pl.DataFrame,
    fields: EventFields,
    *,
    source: Original | None,
    keeps_name: bool,
    is_dry: bool = False,
) -> pl.DataFrame:
    """Return the events of the rows of `frame`, as `etl.values.rows.Transformed` describes them.

    `source` is left out where None is given; `name`, the text that the id is the hash of, is there where `keeps_name`,
    `content`, a digest of all but the id, where the id isn't made of that.
    In a dry run an `id` is only a digest that tells events apart, and a body lacks it; `size` is that of the whole.
    """
    written = [] if CREATED_AT in frame.columns else [render_instant(pl.col(TIME)).alias(CREATED_AT)]
    frame = frame.with_columns(*written, *_hide_other_entities(fields))
    frame = frame.with_columns(encode_object(frame, _event_members(fields)).alias(CONTENT))
    content, entity = pl.col(CONTENT), pl.col(fields.entity.column)
    name = (
        key_name(entity, {key: pl.col(plan.column) for key, plan in fields.keys.items()})
        if fields.keys
        else content
    )
    is_uuid = fields.verbatim is None
    if fields.verbatim is not None:
        event_id = pl.col(fields.verbatim.column)
    else:
        event_id = digest_of(name) if is_dry else id_of(name)
    frame = frame.with_columns(event_id.alias(ID))
    if is_dry:
        body, size = content, content.str.len_bytes() + id_bytes(pl.col(ID), is_uuid=is_uuid)
    else:
        body = body_of(pl.col(ID), content, is_uuid=is_uuid)
        size = body.str.len_bytes()
    return frame.select(
        pl.col(ROW).alias("row"),
        pl.col(ID).alias("id"),
        body.alias(BODY),
        size.alias(SIZE),
        pl.col(TIME).alias("created_at"),
        pl.col(fields.kind.column).alias("type"),
        entity.alias("entity_type"),
        *([source.encode(frame).alias("source")] if source is not None else []),
        *([name.alias("name")] if keeps_name else []),
        *([content_digest(content).alias("content")] if fields.keys or not is_uuid else []),
    )


def _hide_other_entities(fields: EventFields) -> list[pl.Expr]:
    """Leave out what belongs to another entity: a message has no searchQuery, whatever its row holds."""
    if len(fields.own) < 2:
        return []
    entity = pl.col(fields.entity.column)
    return [
        pl.when(entity == kind).then(pl.col(fields.own[field].column)).alias(fields.own[field].column)
        for kind, field in ENTITY_FIELDS.items()
        if field in fields.own
    ]


def _event_members(fields: EventFields) -> list[Member]:
    members = [
        Member("type", fields.kind.column),
        Member("entityType", fields.entity.column),
        *(Member(field, fields.own[field].column) for field in ENTITY_FIELDS.values() if field in fields.own),
        Member("createdAt", CREATED_AT),
        *_members(fields.extra),
    ]
    if fields.properties:
        members.append(Member("properties", members=_members(fields.properties)))
    if fields.user_properties:
        members.append(Member("userProperties", members=_members(fields.user_properties)))
    return members


def _members(plans: dict[str, FieldPlan]) -> tuple[Member, ...]:
    return tuple(Member(key, plan.column, is_json=plan.is_json) for key, plan in plans.items())
