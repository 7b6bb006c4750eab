"""What an event must be, as checks over a frame: the columnar twin of the models in `etl.event`. Pure."""

from typing import Final

import polars as pl

from etl.event import ENTITY_FIELDS, MAX_BODY_BYTES
from etl.transform.fields import Check, FieldPlan
from etl.transform.phrases import found, phrase
from etl.values.reject import RejectCode

__all__ = ["BODY", "SIZE", "body_size_check", "entity_checks", "key_check", "missing_check"]

BODY: Final = "body"
SIZE: Final = "size"


def entity_checks(entity: FieldPlan, own: dict[str, FieldPlan]) -> list[Check]:
    """Return the checks of the entity type and of the field that each type needs."""
    entity_type = pl.col(entity.column)
    known = ", ".join(ENTITY_FIELDS)
    checks = [
        missing_check("entityType", entity),
        Check(
            RejectCode.UNKNOWN_ENTITY_TYPE,
            "entityType",
            entity.origin,
            ~entity_type.is_in(list(ENTITY_FIELDS)),
            phrase("expected one of {}, found {}", pl.lit(known), found(entity_type)),
            entity_type,
        ),
    ]
    for kind, field in ENTITY_FIELDS.items():
        wanted = entity_type == kind
        if field in own:
            failed = wanted & _is_missing(pl.col(own[field].column))
            reason = pl.lit(f"expected `{field}`, which every {kind} event needs, found nothing")
            checks.append(Check(RejectCode.MISSING_REQUIRED, field, own[field].origin, failed, reason))
        else:
            reason = pl.lit(
                f"expected `{field}`, which every {kind} event needs, but the job maps no column to it"
            )
            checks.append(Check(RejectCode.MISSING_REQUIRED, field, entity.origin, wanted, reason))
    return checks


def missing_check(field: str, plan: FieldPlan) -> Check:
    """Return the check that a required text is there and not empty."""
    reason = pl.lit(f"expected `{field}`, found nothing")
    return Check(RejectCode.MISSING_REQUIRED, field, plan.origin, _is_missing(pl.col(plan.column)), reason)


def key_check(plan: FieldPlan) -> Check:
    """Return the check that a column of the id is there and not empty."""
    reason = pl.lit(f"the id is made of `{plan.origin}`, which is empty")
    return Check(RejectCode.MISSING_REQUIRED, "id", plan.origin, _is_missing(pl.col(plan.column)), reason)


def body_size_check() -> Check:
    """Return the check of the destination's limit on a body."""
    size = pl.col(SIZE)
    reason = phrase(
        "expected at most {} bytes, found {}", pl.lit(f"{MAX_BODY_BYTES:,}"), size.cast(pl.String)
    )
    return Check(RejectCode.BODY_TOO_LARGE, "body", "", size > MAX_BODY_BYTES, reason)


def _is_missing(text: pl.Expr) -> pl.Expr:
    return text.is_null() | (text == "")
