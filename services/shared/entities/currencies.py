"""The currencies of calls: their signs, their codes, and their names by language."""

from __future__ import annotations

from typing import Final

# Signs and codes, folded, by their ISO 4217 code; "$" alone may be any dollar or peso.
SIGNS: Final = {
    "us$": "USD", "u$s": "USD", "r$": "BRL", "mx$": "MXN", "au$": "AUD", "a$": "AUD", "ca$": "CAD",
    "c$": "CAD", "nz$": "NZD", "hk$": "HKD", "$": "", "\u20ac": "EUR", "\u00a3": "GBP", "\u00a5": "JPY",
    "\u20b9": "INR", "usd": "USD", "eur": "EUR", "brl": "BRL", "gbp": "GBP", "mxn": "MXN", "jpy": "JPY",
    "chf": "CHF", "cad": "CAD", "aud": "AUD",
}  # fmt: skip
# By language, folded: patterns of the names of currencies. Those with more words stand first.
NAMES: Final[dict[str, dict[str, str]]] = {
    "en": {
        "australian dollars?": "AUD", "canadian dollars?": "CAD",
        "(?:us |u\\.s\\. |american )?dollars?|bucks": "USD",
        "euros?": "EUR", "(?:brazilian )?rea(?:is|l|ls)": "BRL", "pounds? sterling|quid": "GBP",
        "argentine pesos?": "ARS", "(?:mexican )?pesos?": "MXN", "yen": "JPY", "swiss francs?": "CHF",
        "(?:indian )?rupees?": "INR", "yuan": "CNY",
    },
    "es": {
        "dolares australianos": "AUD", "dolares canadienses": "CAD",
        "dolar(?:es)?(?: estadounidenses?| americanos?)?": "USD", "euros?": "EUR",
        "real(?:es)?(?: brasilen[oa]s?)?": "BRL", "libras? esterlinas?": "GBP", "pesos? argentinos?": "ARS",
        "pesos?(?: mexicanos?)?": "MXN", "yen(?:es)?": "JPY", "francos? suizos?": "CHF", "rupias?": "INR",
        "yuan(?:es)?": "CNY",
    },
    "pt": {
        "dolares australianos": "AUD", "dolares canadenses": "CAD",
        "dolar(?:es)?(?: americanos?| norte-americanos?| dos eua)?": "USD", "euros?": "EUR",
        "rea(?:is|l)": "BRL", "libras? esterlinas?": "GBP", "pesos? argentinos?": "ARS",
        "pesos?(?: mexicanos?)?": "MXN", "[iy]enes?": "JPY", "francos? suicos?": "CHF", "rupias?": "INR",
        "yuans?": "CNY",
    },
    "fr": {
        "dollars? australiens?": "AUD", "dollars? canadiens?": "CAD", "dollars?(?: americains?)?": "USD",
        "euros?": "EUR", "rea(?:is|l|ls|ux)": "BRL", "livres? sterling": "GBP", "pesos? argentins?": "ARS",
        "pesos?(?: mexicains?)?": "MXN", "yens?": "JPY", "francs? suisses?": "CHF", "roupies?": "INR",
        "yuans?": "CNY",
    },
    "it": {
        "dollari australiani": "AUD", "dollari canadesi": "CAD",
        "dollar[io](?: american[io]| statunitens[ei])?": "USD",
        "euro": "EUR", "rea(?:is|l|li)(?: brasilian[io])?": "BRL",
        "sterlin[ae]": "GBP", "pesos? argentin[io]": "ARS",
        "pesos?(?: messican[io])?": "MXN", "yen": "JPY", "franch?[io] svizzer[io]": "CHF", "rupi[ae]": "INR",
        "yuan": "CNY",
    },
}  # fmt: skip
# By language: a hundredth of one.
CENTS: Final = {
    "en": r"(?:u\.?s\.? |us )?cents?|pence",
    "es": "centavos?|centimos?",
    "pt": "centavos?|centimos?",
    "fr": "centimes?|cents?",
    "it": "centesim[io]",
}
