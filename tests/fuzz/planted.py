"""What must not get out, put into a body where a sender would put it: a card, a person, a credential."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Final

from stdnum import luhn

from libs.personal.datum import Datum, PersonalFields
from libs.providers.card_fields import EVERYWHERE
from tests.fuzz.house import SECRETS
from tests.fuzz.trees import Members, Node, Token, objects, places


@dataclass(frozen=True, slots=True)
class Planted:
    """What is looked for afterwards; "" where nothing was planted.

    `card` stands in a field for card numbers, `said` is a card number that is the whole of some text,
    `person` stands in a field that its provider's mapping declares as personal, `secret` anywhere.
    """

    card: str = ""
    said: str = ""
    person: str = ""
    secret: str = ""


NOTHING: Final = Planted()


def plant(root: Node, rng: Random, provider: str, fields: PersonalFields) -> Planted:
    """Put some of it into a document, which is changed in place."""
    found = objects(root)
    if not found:
        return NOTHING
    said = _said(root, rng) if rng.random() < 0.15 else ""
    secret = _secret(root, rng, provider)
    card = person = ""
    if rng.random() < 0.25:
        paths = [path for path, datum in fields.items() if datum is Datum.CARD]
        card = card_number(rng)
        shown = rng.choice((card, Token(card), f" {card}", [card], Token(f"{card}.0")))
        _put(rng.choice(found), rng.choice((*paths, *EVERYWHERE)), shown)
    if rng.random() < 0.25:
        person = f"Canary zq{rng.randrange(10**9):09d}x"
        paths = [path for path, datum in fields.items() if datum is not Datum.CARD]
        _put(rng.choice(found), rng.choice(paths), person)
    return Planted(card, said, person, secret)


def card_number(rng: Random) -> str:
    """Draw sixteen digits that pass the check of Luhn."""
    digits = f"450799{rng.randrange(10**9):09d}"
    return digits + luhn.calc_check_digit(digits)


def _said(root: Node, rng: Random) -> str:
    texts = [p for p in places(root) if isinstance(p.value, str) and not isinstance(p.value, Token)]
    if not texts:
        return ""
    card = card_number(rng)
    rng.choice(texts).put(card)
    return card


def _secret(root: Node, rng: Random, provider: str) -> str:
    """Put the credential of the source where it belongs, or where it does not."""
    secret = SECRETS[provider]
    if provider == "safe2pay" and isinstance(root, Members) and rng.random() < 0.9:
        root[:] = [(key, value) for key, value in root if key != "SecretKey"]
        root.insert(rng.randint(0, len(root)), ("SecretKey", _cased(secret, rng)))
    if rng.random() < 0.1 and (found := places(root)):
        rng.choice(found).put(
            rng.choice((secret, f"x{secret}y", f"/?token={_cased(secret, rng)}&a=b"))
        )
    return secret


def _cased(secret: str, rng: Random) -> str:
    return rng.choice((secret, secret, secret.lower(), secret.upper()))


def _put(holder: Members, path: str, value: Node) -> None:
    """Put a value under the last two names of a path: they are what a field is known by."""
    *above, last = path.split(".")[-2:]
    if above:
        value = Members([(last, value)])
        last = above[0]
    holder[:] = [(key, child) for key, child in holder if key != last]
    holder.append((last, value))
