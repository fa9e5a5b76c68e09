"""Which terms a text holds, and whether its translation has them."""

from __future__ import annotations

from services.shared.glossary import Term, TermUse, uses

CLAIM = Term("claim", "sinistro")
PLUS = Term("Care Plus", "Care Plus")
PLAN = Term("Care", "Cuidado")


def test_a_term_is_used_once_however_often_it_stands_there() -> None:
    assert uses("A claim is a claim.", "Um sinistro é um sinistro.", [CLAIM]) == (TermUse(CLAIM, hit=True),)
    assert uses("A claim is a claim.", "Um sinistro é isso.", [CLAIM]) == (TermUse(CLAIM, hit=False),)


def test_uses_come_in_the_order_of_the_text_and_only_of_what_it_holds() -> None:
    found = uses("Care Plus pays my claim.", "Care Plus paga a reclamação.", [CLAIM, PLAN, PLUS])
    assert found == (TermUse(PLUS, hit=True), TermUse(CLAIM, hit=False))


def test_terms_that_share_a_target_need_it_for_each() -> None:
    cover = Term("cover", "apólice")
    terms = [Term("policy", "apólice"), cover]
    assert [use.hit for use in uses("My policy is my cover.", "A apólice é a apólice.", terms)] == [
        True,
        True,
    ]
    assert [use.hit for use in uses("My policy is my cover.", "A apólice.", terms)] == [False, False]


def test_of_two_terms_in_one_place_the_one_with_the_same_case_counts() -> None:
    found = uses("US or us", "EUA ou nós", [Term("us", "nós"), Term("US", "EUA", case_sensitive=True)])
    assert [use.term.target for use in found] == ["EUA", "nós"]
