"""How results look in a notebook: small HTML tables. Pure; every text is escaped, for names and findings come from
files.
"""

from collections.abc import Iterable, Sequence

from etl.plain import plain_html

__all__ = ["render_table"]


def render_table(headline: str, rows: Iterable[Sequence[object]], *, notes: Iterable[str] = ()) -> str:
    """Return a headline over a table of `rows`, numbers to the right, and `notes` under it."""
    body = "".join(f"<tr>{''.join(_cell(cell) for cell in row)}</tr>" for row in rows)
    under = "".join(f"<div>{plain_html(note)}</div>" for note in notes if note)
    return f"<div><strong>{plain_html(headline)}</strong><table>{body}</table>{under}</div>"


def _cell(value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return f'<td style="text-align:left">{plain_html(str(value))}</td>'
    return f'<td style="text-align:right">{value:,}</td>'
