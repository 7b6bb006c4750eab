"""What is wrong with a value of a job file, as a value: the words are put together where the place is known. Pure."""

__all__ = ["Unfit"]


class Unfit(ValueError):  # noqa: N818 - it states a condition of the value
    """A value that a job can't have. `wanted` says what was expected.

    `found` says what stands there, where the value itself doesn't say it well. A value that may be a secret is never
    shown: `is_shown` is false. `fix` is the line that would be right, where the key doesn't tell it.
    """

    def __init__(
        self, wanted: str, found: str | None = None, *, is_shown: bool = True, fix: str | None = None
    ) -> None:
        super().__init__(wanted)
        self.wanted, self.found, self.is_shown, self.fix = wanted, found, is_shown, fix
