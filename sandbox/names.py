"""Names for companies, people and tickers that do not exist."""

import random

_FIRST = ("Alder", "Bracken", "Cawdor", "Drumlin", "Eskdale", "Farrow", "Garnish", "Hexham")
_SECOND = ("mere", "stead", "holt", "wick", "combe", "lode", "thorpe", "garth")
_TRADE = ("Bio", "Systems", "Energy & Power", "Foods", "(Holdings) Group", "Metals", "- Data")
_SUFFIX = ("Inc.", "Corp", "CORP /DE/", "Ltd.", "plc", "/NV/")
_GIVEN = ("Alix", "Bertrand", "Corin", "Dorothea", "Emeric", "Fenella")
_FAMILY = ("Quarrington", "Rusholme", "Stavely", "Trevanion", "Ullathorne", "O'Wexley")
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def company(dice: random.Random, number: int) -> str:
    """A company name, distinct by its number."""
    stem = dice.choice(_FIRST) + dice.choice(_SECOND)
    return f"{stem} {number} {dice.choice(_TRADE)} {dice.choice(_SUFFIX)}"


def person(dice: random.Random) -> str:
    """A person's name, family name first, as EDGAR lists people."""
    return f"{dice.choice(_FAMILY)} {dice.choice(_GIVEN)}"


def ticker(number: int) -> str:
    """A ticker of five letters, distinct by its number and below 456,976."""
    letters = ""
    for _ in range(4):
        number, rest = divmod(number, 26)
        letters = _LETTERS[rest] + letters
    return f"Z{letters}"
