"""One webhook of a plan, and the life that it tells of."""

from __future__ import annotations

from dataclasses import dataclass

from services.simulator.lives import Body, Ends, Known, Path
from services.simulator.roles import Role


@dataclass(eq=False, slots=True)
class Lived:
    """A life in a plan. `number` names it, `told` of its webhooks say something of their own.

    `known` is what a query is answered from; None where nobody can ask for the object.
    """

    number: int
    source: str
    ends: Ends
    told: int
    path: Path
    known: Known | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """One webhook. `index` is its place in the plan; it waits for the answer to `after`.

    `late` is how many seconds it comes later than its turn. `taken` tells whether the ingress may
    answer 2xx. `digest` is the SHA-256 of the body as the archive must have it. `step` is the place
    of what it tells in the path of its life. One that is `lost` is never sent.
    """

    index: int
    source: str
    provider: str
    role: Role
    body: Body
    digest: bytes
    after: int | None = None
    late: float = 0.0
    taken: bool = True
    silent: bool = False
    lived: Lived | None = None
    step: int | None = None
    lost: bool = False
