"""Mobbex' API: operations by id and by the merchant's reference.

https://mobbex.dev/consulta-de-operaciones-y-childs: headers `x-api-key` and `x-access-token`. What
cannot be answered comes with HTTP 200 and `result: false`. The answer's `payment` is the webhook's; a
reversal, which the webhook tells as an `operator` notice of code 200, has the code 602 or 605 here,
and how much a 605 gave back is not told.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from services.sandbox.apis.answers import Answer
from services.sandbox.world import Standing, World
from services.simulator.bodies import plain
from services.simulator.lives import Back
from services.simulator.providers.mobbex import REVERSAL, STEP, notice

SLUG: Final = "mobbex"
UNAUTHORIZED: Final = Answer(
    {"result": False, "code": "AUTH:INVALID", "error": "Credenciales inválidas"}, 401
)
NOT_FOUND: Final = Answer(
    {"result": False, "code": "OPERATIONS:NOT_FOUND", "error": "Operación no encontrada"}
)
RATE_LIMITED: Final = Answer({"result": False, "error": "Demasiadas solicitudes"}, 429)
BROKEN: Final = Answer({"result": False, "error": "Error interno"}, 500)
_MOST: Final = 50
_PAID: Final = frozenset({"checkout 200", "checkout 4", "checkout 210"})


def operation(world: World, uid: str) -> Answer:
    """`GET /operations/{uid}`; the case of the letters counts."""
    standing = world.named(SLUG, uid)
    return NOT_FOUND if standing is None else _one(standing)


def by_reference(world: World, reference: str) -> Answer:
    r"""`GET /operations/ref\{reference}`: the newest operation of that reference."""
    found = world.referenced(SLUG, reference)
    return _one(found[-1]) if found else NOT_FOUND


def listed(world: World, *, reference: str | None, page: int, limit: int) -> Answer:
    """`GET /operations?page=0&limit=15&reference=…`."""
    if page < 0 or not 1 <= limit <= _MOST:
        return Answer({"result": False, "code": "INVALID", "error": "page o limit inválido"})
    if reference is None:
        found = list(world.standings.get(SLUG, {}).values())
    else:
        found = world.referenced(SLUG, reference)
    shown = found[page * limit : (page + 1) * limit]
    operations = [_line(standing) for standing in shown]
    data = {"page": page, "limit": limit, "total": len(found), "transactions": operations}
    return Answer({"result": True, "data": data})


def _one(standing: Standing) -> Answer:
    document = _document(standing)
    transaction = {
        "result": True,
        "view": document["view"],
        "payment": document["payment"],
        "entity": {"uid": "gCyNNGjWU", "name": "Tienda, Inc", "tax_id": "30710000005"},
    }
    if "checkout" in document:
        transaction["checkout"] = document["checkout"]
    lines = [_line(standing)]
    return Answer({"result": True, "data": {"transactions": lines, "transaction": transaction}})


def _line(standing: Standing) -> dict[str, Any]:
    payment = _document(standing)["payment"]
    return {
        "uid": payment["id"],
        "status": payment["status"]["code"],
        "description": payment["description"],
        "type": payment["operation"]["type"],
        "currency": {"value": "ARS", "label": "Peso Argentino", "symbol": "$"},
        "total": plain(standing.known.amount),
        "reference": payment["reference"],
        "created": payment["created"],
        "updated": payment["updated"],
    }


def _document(standing: Standing) -> dict[str, Any]:
    known = standing.known
    place, code = _status(standing.steps, known.path.back)
    at = known.born + place * STEP
    data: dict[str, Any] = notice(known.names, f"checkout {code}", known.amount, known.born, at)
    found: dict[str, Any] = data["data"]
    return found


def _status(steps: Sequence[str], back: Back) -> tuple[int, str]:
    """Return which step the operation stands at, and the code that a query shows.

    An order that was paid does not expire, whatever notices say.
    """
    paid, found = False, (0, "0")
    for place, step in enumerate(steps):
        kind, _, code = step.rpartition(" ")
        paid |= step in _PAID
        if step == REVERSAL:
            found = (place, "602" if back is Back.ALL else "605")
        elif not (paid and kind == "checkout:expired"):
            found = (place, code)
    return found
