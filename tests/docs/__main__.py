"""`python -m tests.docs` refreshes README.md and docs/*.md; `--check` exits 1 where one of them isn't true."""

import sys
from difflib import unified_diff

from tests.docs.console import ROOT, refresh_console
from tests.docs.generated import refresh_generated
from tests.docs.links import broken_links


def main() -> int:
    """Refresh or check each page; return the exit code."""
    check = "--check" in sys.argv
    stale: list[str] = []
    pages = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
    for page in pages:
        text = page.read_text(encoding="utf-8")
        fresh = refresh_console(refresh_generated(text))
        if fresh == text:
            continue
        if check:
            name = str(page.relative_to(ROOT))
            stale += unified_diff(text.splitlines(), fresh.splitlines(), name, "true", lineterm="")
        else:
            page.write_text(fresh, encoding="utf-8")
    linking = dict.fromkeys([*pages, *sorted(ROOT.glob("*.md"))])
    broken = [sentence for page in linking for sentence in broken_links(page)]
    if stale:
        print(*stale, "", "These pages are out of date: make fix", sep="\n", file=sys.stderr)
    print(*broken, sep="\n", end="\n" if broken else "", file=sys.stderr)
    return int(bool(stale or broken))


if __name__ == "__main__":
    sys.exit(main())
