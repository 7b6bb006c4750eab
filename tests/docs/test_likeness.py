"""What a page keeps as it stands, and what of it counts as out of date."""

import pytest

from tests.docs.likeness import keep_alike


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (
            "  sent 1,131 now in 0.2 s (4,882/s), 1,131 attempts\n",
            "  sent 990 now in 9 s (12/s), 991 attempts\n",
        ),
        (
            "job: 771 rows of 1 file in 0.0 s (17,344 rows/s).\n",
            "job: 771 rows of 1 file in 1.2 s (640 rows/s).\n",
        ),
        (
            "takes 38 s at 20/s: done at 2026-11-24 20:40 UTC\n",
            "takes 38 s at 20/s: done at 2027-01-01 00:00 UTC\n",
        ),
        ("listening on http://127.0.0.1:8787\n", "listening on http://127.0.0.1:41019\n"),
    ],
)
def test_a_line_stands_where_only_times_rates_and_ports_differ(old: str, new: str) -> None:
    assert keep_alike(old, new) == old


def test_a_count_or_a_word_that_differs_is_written_anew_and_its_neighbours_stand() -> None:
    old = "read 771\ntook 1.0 s\ndelivered 768\nrejected 3\n"
    new = "read 771\ntook 9.9 s\ndelivered 767\nrejected 4 whole\n"
    assert keep_alike(old, new) == "read 771\ntook 1.0 s\ndelivered 767\nrejected 4 whole\n"
