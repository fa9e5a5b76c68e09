"""No wrong digit passes: changed, dropped, added, swapped, in digits or words, in any format."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import assume, given
from hypothesis import strategies as st

from services.shared.entities.comparison import matched

Sentences = tuple[str, str, str, str]
Shape = Callable[[str], str]
DIGITS = st.text("0123456789", min_size=3, max_size=16)
SENTENCES = st.sampled_from(
    [
        ("en", "My account number is {}, thank you.", "pt", "O número da minha conta é {}, obrigado."),
        ("pt", "O pedido {} e mais dois", "en", "The order {} and two more"),
        ("es", "Marque el {}.", "en", "Dial {}."),
        ("fr", "J'ai {} euros", "it", "Ho {} euro"),
        ("it", "sono le 14:30, {}", "de", "es ist 14:30, {}"),
        ("en", "{}", "en", "{}"),
    ]
)
SHAPES: st.SearchStrategy[Shape] = st.sampled_from(
    [
        lambda digits: digits,
        " ".join,
        lambda digits: "-".join(digits[at : at + 3] for at in range(0, len(digits), 3)),
        lambda digits: f"X{digits}",
        lambda digits: f"+{digits}",
    ]
)
WORDS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]


@st.composite
def corrupted(draw: st.DrawFn, digits: str) -> str:
    at = draw(st.integers(0, len(digits) - 1))
    digit = draw(st.sampled_from("0123456789"))
    swapped = digits[:at] + digits[at : at + 2][::-1] + digits[at + 2 :]
    ways = [
        digits[:at] + digit + digits[at + 1 :],
        digits[:at] + digits[at + 1 :],
        digits[:at] + digit + digits[at:],
    ]
    return draw(st.sampled_from([*ways, swapped]))


@given(st.data(), DIGITS, SENTENCES, SHAPES)
def test_a_corrupted_identifier_never_matches(
    data: st.DataObject, digits: str, sentences: Sentences, shape: Shape
) -> None:
    wrong = data.draw(corrupted(digits))
    assume(wrong != digits)
    source_language, source, target_language, target = sentences
    texts = source.format(shape(digits)), target.format(shape(wrong))
    assert not matched(texts[0], source_language, texts[1], target_language)


@given(st.data(), st.integers(11, 10**9))
def test_a_corrupted_quantity_never_matches(data: st.DataObject, number: int) -> None:
    wrong = data.draw(corrupted(str(number)).filter(lambda each: each and int(each) != number))
    texts = f"we sold {number:,} of them", f"vendemos {int(wrong):,} deles".replace(",", ".")
    assert not matched(texts[0], "en", texts[1], "pt")


@given(DIGITS)
def test_digits_that_are_said_match_only_the_same_digits(digits: str) -> None:
    said = " ".join(WORDS[int(each)] for each in digits)
    assert matched(f"it is {said}", "en", f"é {digits}", "pt")
    assert not matched(f"it is {said}", "en", f"é {digits[:-1]}", "pt")


@given(DIGITS, SENTENCES, SHAPES)
def test_what_is_copied_always_matches(digits: str, sentences: Sentences, shape: Shape) -> None:
    source_language, source, target_language, target = sentences
    texts = source.format(shape(digits)), target.format(shape(digits))
    assert matched(texts[0], source_language, texts[1], target_language)
