"""The report's page: one file, no network, light and dark, readable without the pictures. Text in, text out."""

import base64
import hashlib
from collections.abc import Iterable, Sequence
from typing import Final

from etl.plain import plain_html

__all__ = ["figure", "legend", "page", "section", "table"]

_STYLE: Final = """
:root{color-scheme:light dark;--bg:#fff;--panel:#f6f7f9;--ink:#1c2430;--dim:#5a6675;--faint:#cfd6de;--good:#0a7d4b;
--bad:#c0282d;--warn:#a15c00;
--c0:#2f6fde;--c1:#e07b1a;--c2:#1f9d6b;--c3:#c43d8b;--c4:#7a5cd6;--c5:#b8860b;--c6:#d2434a;--c7:#6b7785}
@media (prefers-color-scheme:dark){:root{--bg:#12161c;--panel:#1b2129;--ink:#e6eaf0;--dim:#9aa7b5;--faint:#3a4450;
--good:#4cc38a;--bad:#ff8080;--warn:#f0b050;
--c0:#6ea2ff;--c1:#ffa657;--c2:#4cc38a;--c3:#f281c0;--c4:#ab94ff;--c5:#e3b341;--c6:#ff7b80;--c7:#93a1b0}}
*{box-sizing:border-box}body{margin:0;background:var(--bg);color:var(--ink);font:16px/1.5 system-ui,sans-serif}
main{max-width:62rem;margin:0 auto;padding:2rem 1.25rem 4rem}h1{font-size:1.7rem;margin:0}
h2{font-size:1.2rem;margin:0 0 .75rem}
.sub{color:var(--dim);margin:.25rem 0 1.5rem}
section{background:var(--panel);border:1px solid var(--faint);border-radius:10px;padding:1.1rem 1.25rem;margin:1rem 0}
figure{margin:0}svg{width:100%;height:auto;display:block}svg text{fill:var(--ink)}
.scroll{overflow-x:auto}table{border-collapse:collapse;width:100%;font-size:.92rem}
th,td{text-align:left;padding:.35rem .75rem .35rem 0;border-bottom:1px solid var(--faint);vertical-align:top}
th{color:var(--dim);font-weight:600}td.n,th.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
th[scope]{cursor:pointer}th[aria-sort=ascending]::after{content:" ▲"}th[aria-sort=descending]::after{content:" ▼"}
td{overflow-wrap:anywhere}
.legend{display:flex;flex-wrap:wrap;gap:.3rem 1.2rem;list-style:none;padding:0;margin:.5rem 0;font-size:.92rem}
.legend i{display:inline-block;width:.8em;height:.8em;border-radius:2px;margin-right:.4em}
.error{color:var(--bad)}.warning{color:var(--warn)}.note{color:var(--c0)}.ok{color:var(--good)}
code{font:0.9em ui-monospace,monospace}
details{margin-top:.6rem;font-size:.92rem}summary{cursor:pointer;color:var(--dim)}
a:focus,summary:focus{outline:2px solid var(--c0)}
.finding{border-left:4px solid currentColor;padding-left:.9rem;margin:0 0 1.1rem}.finding *{color:var(--ink)}
.finding .head{font-weight:600}.finding .dim{color:var(--dim)}.finding ul{margin:.2rem 0;padding-left:1.2rem}
@media (max-width:44rem){main{padding:1rem .75rem 3rem}figure>div{overflow-x:auto}figure svg{min-width:40rem}
#books svg{min-width:0}}
@media print{section{break-inside:avoid}}
"""


# A click on a column's name sorts its table: by number where all are numbers. The policy lets this one script run.
_SORT: Final = """
for(const head of document.querySelectorAll("th"))head.addEventListener("click",()=>{
const body=head.closest("table").tBodies[0],at=head.cellIndex,down=head.ariaSort==="ascending";
for(const other of head.parentNode.cells)other.removeAttribute("aria-sort");
head.ariaSort=down?"descending":"ascending";
const key=row=>row.cells[at].textContent,number=text=>parseFloat(text.replaceAll(",",""));
const rows=[...body.rows],count=head.className==="n";
rows.sort((a,b)=>count?number(key(a))-number(key(b)):key(a).localeCompare(key(b)));
body.append(...(down?rows.reverse():rows))});
"""
_SORT_DIGEST: Final = base64.b64encode(hashlib.sha256(_SORT.encode()).digest()).decode()


def page(title: str, subtitle: str, sections: Iterable[str]) -> str:
    """Return the whole page. It loads nothing: its policy forbids it."""
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; "
        f"script-src 'sha256-{_SORT_DIGEST}'\">\n"
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{plain_html(title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n<main>\n"
        f'<h1>{plain_html(title)}</h1>\n<p class="sub">{plain_html(subtitle)}</p>\n'
        + "\n".join(sections)
        + f"\n</main>\n<script>{_SORT}</script>\n</body>\n</html>\n"
    )


def section(identity: str, title: str, content: str) -> str:
    """Return a titled section with an id of its own."""
    return (
        f'<section id="{identity}" aria-labelledby="{identity}-h">\n<h2 '
        f'id="{identity}-h">{plain_html(title)}</h2>\n{content}\n</section>'
    )


def figure(svg: str, says: str, numbers: str = "") -> str:
    """Return a picture with what it says in words, and the numbers behind it."""
    more = f"<details><summary>The numbers</summary>{numbers}</details>" if numbers else ""
    return f'<figure><div role="img" aria-label="{plain_html(says)}">{svg}</div>{more}</figure>'


def legend(entries: Iterable[tuple[str, int]]) -> str:
    """Return what the colours mean: names with the numbers of their colours."""
    items = "".join(
        f'<li><i style="background:var(--c{colour})"></i>{plain_html(name)}</li>' for name, colour in entries
    )
    return f'<ul class="legend">{items}</ul>'


def table(head: Sequence[str], rows: Iterable[Sequence[str | int]]) -> str:
    """Return a table; whole numbers stand right, with thousands apart."""
    body: list[str] = []
    numeric: set[int] = set()
    for row in rows:
        cells = []
        for place, cell in enumerate(row):
            if isinstance(cell, int):
                numeric.add(place)
                cells.append(f'<td class="n">{cell:,}</td>')
            else:
                cells.append(f"<td>{plain_html(cell)}</td>")
        body.append(f"<tr>{''.join(cells)}</tr>")
    names = "".join(
        f'<th scope="col"{" class=n" if place in numeric else ""}>{plain_html(name)}</th>'
        for place, name in enumerate(head)
    )
    return f'<div class="scroll"><table><thead><tr>{names}</tr></thead><tbody>{"".join(body)}</tbody></table></div>'
