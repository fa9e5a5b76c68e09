"""Ways from one language to another."""

from __future__ import annotations

from itertools import permutations

from hypothesis import given
from hypothesis import strategies as st

from services.shared.engines import Model, Reference
from services.translation.languages import Pair
from services.translation.routes import PIVOT, Offer, Routes

LANGUAGES = ("de", "en", "es", "pt")
PAIRS = [Pair(*both) for both in permutations(LANGUAGES, 2)]

Offers = list[tuple[Reference, Offer]]


def offer(name: str, *pairs: str) -> tuple[Reference, Offer]:
    """An engine with a model of its own for each direction."""
    found = [Pair(*each.split("-")) for each in pairs]
    return Reference(name), Offer(Model(name, "1"), {pair: Model(f"{name}-{pair}", "1") for pair in found})


def names(*offers: tuple[Reference, Offer], pair: str, model: str = "") -> list[list[str]]:
    """The names of the models of each way."""
    ways = Routes(offers).of(Pair(*pair.split("-")), model)
    return [[model.name for model in way.models] for way in ways]


def test_the_first_engine_with_the_pair_is_preferred_and_the_others_come_after() -> None:
    assert names(offer("a", "en-pt"), offer("b", "pt-en"), offer("c", "en-pt"), pair="en-pt") == [
        ["a-en-pt"],
        ["c-en-pt"],
    ]


def test_without_a_direct_pair_it_goes_through_english() -> None:
    assert names(offer("a", "es-en"), offer("b", "en-pt"), pair="es-pt") == [["a-es-en", "b-en-pt"]]
    assert names(offer("a", "es-en", "en-pt"), pair="es-pt") == [["a-es-en", "a-en-pt"]]


def test_a_direct_pair_of_a_later_engine_goes_before_two_steps() -> None:
    found = names(offer("a", "es-en", "en-pt"), offer("b", "es-pt"), pair="es-pt")
    assert found == [["b-es-pt"], ["a-es-en", "a-en-pt"]]


def test_of_two_steps_the_engines_go_in_their_order() -> None:
    both = ("es-en", "en-pt")
    assert names(offer("a", *both), offer("b", *both), pair="es-pt") == [
        ["a-es-en", "a-en-pt"],
        ["a-es-en", "b-en-pt"],
        ["b-es-en", "a-en-pt"],
        ["b-es-en", "b-en-pt"],
    ]


def test_a_named_engine_or_model_is_the_only_one() -> None:
    offers = (offer("a", "en-pt", "es-en"), offer("b", "en-pt", "es-en"))
    assert names(*offers, pair="en-pt", model="b") == [["b-en-pt"]]
    assert names(*offers, pair="en-pt", model="b-en-pt") == [["b-en-pt"]]
    assert names(*offers, pair="es-pt", model="b") == [["b-es-en", "b-en-pt"]]
    assert names(*offers, pair="es-pt", model="b-es-en") == []
    assert names(*offers, pair="en-pt", model="c") == []


@st.composite
def all_offers(draw: st.DrawFn) -> Offers:
    drawn = draw(st.lists(st.lists(st.sampled_from(PAIRS), unique=True), max_size=4))
    return [offer(f"e{number}", *map(str, pairs)) for number, pairs in enumerate(drawn)]


@given(all_offers(), st.sampled_from(PAIRS))
def test_every_way_leads_from_the_one_language_to_the_other_with_what_there_is(
    offers: Offers, pair: Pair
) -> None:
    there = dict(offers)
    ways = Routes(offers).of(pair)
    for way in ways:
        first, last = way.legs[0], way.legs[-1]
        assert (first.pair.source, last.pair.target) == (pair.source, pair.target)
        assert len(way.legs) in {1, 2}
        assert way.pivot == (PIVOT if len(way.legs) == 2 else "")
        assert all(a.pair.target == b.pair.source for a, b in zip(way.legs, way.legs[1:], strict=False))
        assert all(there[leg.reference].pairs[leg.pair] == leg.model for leg in way.legs)
    assert len(set(ways)) == len(ways)
    assert sorted(ways, key=lambda way: len(way.legs)) == list(ways)


@given(all_offers())
def test_what_is_told_is_what_can_be_done(offers: Offers) -> None:
    routes = Routes(offers)
    can = {pair: ways[0] for pair in PAIRS if (ways := routes.of(pair))}
    assert routes.best == can


@given(all_offers(), st.sampled_from(PAIRS))
def test_naming_an_engine_leaves_of_all_ways_those_of_its_own(offers: Offers, pair: Pair) -> None:
    routes = Routes(offers)
    for reference, each in offers:
        own = tuple(way for way in routes.of(pair) if way.references == {reference})
        assert routes.of(pair, each.model.name) == own
        assert routes.knows(each.model.name)
