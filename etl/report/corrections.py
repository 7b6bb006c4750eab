"""Says which rows came again with another content than was delivered under their id. Pure."""

from collections.abc import Iterator

from etl.typed import type_command
from etl.values.outcome import CorrectionCounts

__all__ = ["correction_lines"]


def correction_lines(counts: CorrectionCounts, duplicate: int) -> Iterator[str]:
    """Yield what a person should know of the corrections among `duplicate` duplicates; nothing where there are none."""
    told = counts.found - counts.sent - counts.rejected
    if told:
        verb = "differs" if told == 1 else "differ"
        yield (
            f"{told:,} of {duplicate:,} duplicates {verb} from what was delivered: {counts.first}"
            f"{' is the first' if told > 1 else ''}"
        )
        yield (
            f"List them: {type_command('rejects', '--corrections')}; send them: "
            f"{type_command('retry', '--corrections')}"
        )
    if counts.sent:
        yield f"Sent again under their ids with another content: {counts.sent:,}"
    if counts.rejected:
        yield f'Rejected for another content than was delivered (on_correction = "reject"): {counts.rejected:,}'
    if counts.unknown:
        yield (
            f"{counts.unknown:,} of {duplicate:,} duplicates can't be compared with what was delivered: "
            "an older backfill kept no digest of it"
        )
