"""Finds the names that a glob means; `**` looks into each real folder once, so that links in a circle end."""

import glob
import os
import re
from collections.abc import Iterator
from pathlib import Path, PurePath
from typing import Final

__all__ = ["compile_glob", "find_names"]

_TOKEN: Final = re.compile(r"\*\*/|\*\*|\*|\?|\[!?[^]/]+\]|(?s:.)")


def find_names(pattern: str, folder: Path) -> list[str]:
    """Return the names, relative to `folder` where the pattern is, that match, sorted."""
    return sorted(set(_expand(PurePath(pattern).parts, folder)))


def _expand(parts: tuple[str, ...], folder: Path) -> Iterator[str]:
    if "**" not in parts:
        yield from glob.glob(os.path.join(*parts), root_dir=folder)  # noqa: PTH118, PTH207 - root_dir
        return
    at = parts.index("**")
    rest = parts[at + 1 :] or ("*",)
    heads = _expand(parts[:at], folder) if at else [""]
    for head in sorted(heads):
        for inner in _folders(head, folder, set()):
            yield from _expand((*PurePath(glob.escape(inner)).parts, *rest), folder)


def _folders(name: str, root: Path, seen: set[tuple[int, int]]) -> Iterator[str]:
    """Yield the folder called `name` and all folders under it that aren't hidden; each real folder comes once."""
    waiting = [name]
    while waiting:
        name = waiting.pop()
        try:
            state = (root / name).stat()
            if (state.st_dev, state.st_ino) in seen:
                continue
            seen.add((state.st_dev, state.st_ino))
            with os.scandir(root / name) as entries:
                inner = sorted(
                    entry.name for entry in entries if not entry.name.startswith(".") and entry.is_dir()
                )
        except OSError:
            continue  # what can't be looked into matches nothing, as with any glob
        yield name
        waiting += [os.path.join(name, one) for one in reversed(inner)]  # noqa: PTH118 - names, not paths


def compile_glob(pattern: str) -> re.Pattern[str]:
    """Return what `pattern` matches: `*` and `?` stay within a folder, `**/` stands for any folders."""
    texts = {"**/": "(?:[^/]+/)*", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    parts = []
    for token in _TOKEN.findall(pattern):
        if len(token) > 2 and token[0] == "[":
            inner = token[1:-1].replace("\\", r"\\").replace("[", r"\[")
            parts.append(f"[^{inner[1:]}]" if inner[0] == "!" else f"[{inner}]")
        else:
            parts.append(texts.get(token) or re.escape(token))
    return re.compile("".join(parts), re.DOTALL)
