import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl.send.redact import Redactor
from tests.send.keyed import KEY, quotes_of

KEYS = [
    KEY,
    "CANARY-c0ffee-42",
    "sk-proj-AbCdEf0123456789_-xyz",
    "a=bcdefabcdef12",
    "eyJhbGciOiJIUzI1NiJ9." + "Zz09" * 40,
]


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("form", quotes_of(KEY))
def test_a_key_is_cut_out_in_whatever_form_it_is_quoted(key: str, form: str) -> None:
    cleaned = Redactor(key).clean(f"refused: {quotes_of(key)[form]} - see the docs")
    assert cleaned.startswith("refused: ")
    assert "[key]" in cleaned
    left = cleaned.replace("[key]", "").removeprefix("refused: ").removesuffix(" - see the docs")
    # What is around it: an equals sign's name, `Bearer ` or a user in base64, quotes.
    assert len(left) <= 17, left


@given(st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=4, max_size=60), st.data())
def test_no_key_is_left_in_any_form(key: str, data: st.DataObject) -> None:
    quoted = data.draw(
        st.sampled_from(list(quotes_of(key).items())).filter(lambda form: "cut" not in form[0])
    )[1]
    before, after = data.draw(st.text(max_size=20)), data.draw(st.text(max_size=20))
    cleaned = Redactor(key).clean(f"{before} {quoted} {after}")
    assert key not in cleaned.replace("[key]", "\x00") or key in f"{before} {after}"
    assert "[key]" in cleaned


def test_a_cut_of_our_own_leaves_no_piece_of_the_key() -> None:
    text = "=" + "%2525" + "x" * 40
    for pad in range(480, 520):
        assert "CANARY" not in Redactor("CANARY-c0ffee-42").clean("a" * pad + "CANARY-c0ffee-42")
    for pad in range(890, 1040, 21):
        for quoted in quotes_of("CANARY-c0ffee-42").values():
            for between in (" ", "a "):
                text_there = (between * pad)[:pad] + quoted + " " + "a" * 9_000
                assert "CANARY-c0ffee" not in Redactor("CANARY-c0ffee-42").clean(text_there)
    for pad in range(8170, 8200):
        blanks = " " * pad
        assert "CANARY" not in Redactor("CANARY-c0ffee-42").clean(blanks + "CANARY-c0ffee-42" + text)
    many = "CANARY-c0ffee-42" * 2000
    assert "CANARY" not in Redactor("CANARY-c0ffee-42").clean(many)


@pytest.mark.parametrize(
    "text",
    [
        "type is required",
        "the key is wrong",
        "sk-proj is a prefix",
        "100% of 20 = 20 & more",
        "C:\\new\\x41",
        "&amp; &#65;",
    ],
)
def test_other_words_stay_as_they_are(text: str) -> None:
    assert Redactor("sk-proj-AbCdEf0123456789_-xyz").clean(text) == text


def test_a_short_key_is_cut_out_also_within_words() -> None:
    assert Redactor("event").clean("no events, no %65vent") == "no [key]s, no [key]"


def test_without_secrets_a_text_is_only_cleaned() -> None:
    assert Redactor("").clean(" a\x1b[2J\r\n b") == "a␛[2J b"


@given(st.text(max_size=2000))
def test_any_text_is_cleaned(text: str) -> None:
    cleaned = Redactor(KEY).clean(text)
    assert len(cleaned) <= 500
    cleaned.encode()


def test_a_text_of_any_size_and_a_key_that_repeats_itself_take_no_time() -> None:
    assert Redactor("x" * 500).clean("x" * 5_000_000)
