"""The lifecycle table as a picture (Mermaid) and as data: rendered, never drawn by hand."""

from __future__ import annotations

from typing import Any

from libs.domain.lifecycle import BANDS, Authority, Band, Flag, Kind, moves

_TITLES = {
    Band.OPEN: "open",
    Band.HELD: "held",
    Band.NEGATIVE: "negative",
    Band.POSITIVE: "positive",
    Band.MONEY_BACK: "money went back",
}


def as_data() -> dict[str, Any]:
    """Return bands, states and moves by kind, the authorities (best first), and the flags."""
    return {
        "kinds": {
            kind.value: {
                "bands": [
                    {
                        "band": int(band),
                        "name": _TITLES[band],
                        "states": [state.value for state in states],
                    }
                    for band, states in BANDS[kind].items()
                ],
                "moves": [[origin.value, target.value] for origin, target in moves(kind)],
            }
            for kind in Kind
        },
        "authorities": [authority.value for authority in Authority],
        "flags": [flag.value for flag in Flag],
    }


def as_mermaid() -> str:
    """Return one state diagram: a box for each kind, in it a box for each band.

    Inside a band movement is free; an arrow between bands is a move that one more observation
    can cause.
    """
    lines = ["stateDiagram-v2"]
    for kind in Kind:
        lines += [
            f'  state "{kind.value}" as {kind.value} {{',
            *_bands(kind),
            *_arrows(kind),
            "  }",
        ]
    return "\n".join(lines) + "\n"


def _bands(kind: Kind) -> list[str]:
    lines = []
    for band, states in BANDS[kind].items():
        lines.append(f'    state "{int(band)} {_TITLES[band]}" as {_box(kind, band)} {{')
        lines += [f'      state "{state.value}" as {kind.value}_{state.value}' for state in states]
        lines.append("    }")
    return lines


def _arrows(kind: Kind) -> list[str]:
    bands = list(BANDS[kind])
    lines = [f"    [*] --> {_box(kind, bands[0])}"]
    lines += [
        f"    {_box(kind, low)} --> {_box(kind, high)}"
        for place, low in enumerate(bands)
        for high in bands[place + 1 :]
    ]
    if kind is Kind.PAYMENT:
        back = f"{_box(kind, Band.MONEY_BACK)} --> {_box(kind, Band.POSITIVE)}"
        lines.append(f"    {back}: dispute won, refund declined")
    return lines


def _box(kind: Kind, band: Band) -> str:
    return f"{kind.value}_{band.name.lower()}"
