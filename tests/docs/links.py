"""Finds links of the pages that lead nowhere: to a file, or a heading of it, that isn't there."""

import re
from pathlib import Path

__all__ = ["broken_links"]

LINK = re.compile(r"\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
BLOCK = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)


def broken_links(page: Path) -> list[str]:
    """Return a sentence for each link of the page to a file or a heading that isn't there."""
    found = []
    for target in LINK.findall(BLOCK.sub("", page.read_text(encoding="utf-8"))):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        file = (page.parent / name) if name else page
        if not file.exists():
            found.append(f"{page.name}: there is no {target}")
        elif anchor and anchor not in _anchors(file.read_text(encoding="utf-8")):
            found.append(f"{page.name}: {name or page.name} has no heading #{anchor}")
    return found


def _anchors(text: str) -> set[str]:
    headings = HEADING.findall(BLOCK.sub("", text))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
