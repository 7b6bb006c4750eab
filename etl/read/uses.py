"""Which of some columns a job rests on, as readers ask for it."""

from collections.abc import Callable, Iterable

__all__ = ["Uses"]

Uses = Callable[[Iterable[str]], frozenset[str]]
