"""Encodings are told from bytes alone, and a few bad bytes don't change what a file is."""

import pytest

from etl.guess.encoding import guess_encoding

WESTERN = "Wie lösche ich das Passwort? «Où est la clé» – déjà vu, naïve façade à Zürich\n" * 20


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"id,query\n1,hello\n", "utf-8"),
        ("id,query\n1,日本語の質問\n".encode(), "utf-8"),
        (b"\xef\xbb\xbfid,query\n", "utf-8"),
        ("id,query\n1,hello\n".encode("utf-16"), "utf-16"),
        (WESTERN.encode("windows-1252"), "windows-1252"),
    ],
)
def test_the_encoding_is_told(data: bytes, expected: str) -> None:
    assert guess_encoding(data)[0] == expected


def test_one_bad_line_in_a_utf8_file_is_a_fault_of_that_line() -> None:
    good = "42,wie setze ich das Paßwort zurück\n".encode()
    encoding, remark = guess_encoding(good * 500 + "43,zurück\n".encode("latin-1") + good * 500)
    assert encoding == "utf-8"
    assert remark is not None
    assert remark.startswith("1 of 1,002 lines")


def test_a_sample_cut_within_a_character_is_utf8_still() -> None:
    data = "naïve café".encode()
    assert all(guess_encoding(data[:end]) == ("utf-8", None) for end in range(1, len(data) + 1))
