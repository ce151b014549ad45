"""What hostile senders do, as data: how many they are, from how many addresses, and what they send."""

from __future__ import annotations

import base64
import gzip
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

AUTHENTIC: Final = "/webhooks/clip?token=dev-clip-token"
FORGED: Final = "/webhooks/clip?token=forged"
IN_BODY: Final = "/webhooks/safe2pay"
OTHER: Final = "/webhooks/mobbex?token=dev-mobbex-token"
MEBIBYTE: Final = 1 << 20
NEVER: Final = frozenset({"5"})  # no status of these hundreds


def addresses(count: int) -> list[str]:
    """Return addresses of loopback that are not the honest sender's."""
    return [f"127.0.{n // 250 + 1}.{n % 250 + 2}" for n in range(count)]


def post(target: str, body: bytes, *more: str, length: int | None = None) -> bytes:
    lines = [f"POST {target} HTTP/1.1", "Host: a", *more]
    lines.append(f"Content-Length: {len(body) if length is None else length}")
    return "\r\n".join([*lines, "", ""]).encode() + body


@dataclass(frozen=True, kw_only=True)
class Scene:
    """One kind of flood. `most` of it must be told one of these, and each of `some` must be told."""

    name: str
    mode: str = "again"
    connections: int = 64
    addresses: int = 1
    requests: tuple[bytes, ...]
    most: frozenset[str] = frozenset()
    some: frozenset[str] = frozenset()

    def told(self, port: int) -> dict[str, Any]:
        """Return what the sender reads."""
        return {
            "port": port,
            "mode": self.mode,
            "connections": self.connections,
            "addresses": addresses(self.addresses),
            "requests": [base64.b64encode(one).decode() for one in self.requests],
        }


def _json_bombs() -> Iterable[bytes]:
    key = b'"SecretKey":"forged"'
    yield post(IN_BODY, b"[" * 100_000)
    yield post(IN_BODY, b'{%b,"a":[%b]}' % (key, b",".join([b"0"] * 400_000)))
    yield post(IN_BODY, b'{%b,"a":%b}' % (key, b"9" * 900_000))
    yield post(IN_BODY, b'{%b,"a":1e999999}' % key)
    yield post(IN_BODY, b'{%b,"a":"%b"}' % (key, b"\\u00e9" * 150_000))
    yield post(IN_BODY, b'{%b,"a":[%b]}' % (key, b",".join([b"{}"] * 4_900)))


_SMALL: Final = b'{"id":"1","origin":"payments-api","event_type":"UPDATE"}'
SCENES: Final = (
    Scene(
        name="authentic, kept connections",
        requests=(post(AUTHENTIC, _SMALL),),
        most=frozenset({"200", "429"}),
        some=frozenset({"200"}),
    ),
    Scene(
        name="authentic, 1 MiB bodies",
        connections=32,
        requests=(post(AUTHENTIC, b'{"id":"%b"}' % (b"x" * (MEBIBYTE - 10))),),
    ),
    Scene(
        name="whole bodies, 1,000 at once",
        connections=1000,
        addresses=5,
        requests=(post(AUTHENTIC, b'{"id":"%b"}' % (b"x" * 120_000)),),
    ),
    Scene(
        name="forged, kept connections", requests=(post(FORGED, _SMALL),), most=frozenset({"429"})
    ),
    Scene(
        name="forged, a connection for each",
        mode="fresh",
        requests=(post(FORGED, _SMALL),),
        most=frozenset({"429"}),
    ),
    Scene(
        name="forged, 2,000 addresses",
        mode="fresh",
        addresses=2000,
        requests=(post(FORGED, _SMALL),),
    ),
    Scene(
        name="bodies beyond the limit, announced",
        requests=(post(AUTHENTIC, b"x" * 65_536, length=1 << 30),),
        most=frozenset({"429"}),
    ),
    Scene(
        name="bodies without an end",
        mode="endless",
        connections=32,
        requests=(
            f"POST {AUTHENTIC} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n".encode(),
        ),
    ),
    Scene(
        name="gzip bombs",
        requests=(post(AUTHENTIC, gzip.compress(b"\0" * 10_000_000), "Content-Encoding: gzip"),),
    ),
    Scene(name="JSON bombs, one address", requests=tuple(_json_bombs()), most=frozenset({"429"})),
    Scene(
        name="JSON bombs, 2,000 addresses",
        connections=16,
        addresses=2000,
        mode="fresh",
        requests=tuple(_json_bombs()),
    ),
    Scene(
        name="half heads",
        mode="hold",
        connections=1500,
        addresses=5,
        requests=(post(AUTHENTIC, b"")[:-4] + b"\r\nX: " + b"a" * 8000,),
    ),
    Scene(
        name="half bodies",
        mode="hold",
        connections=1500,
        addresses=5,
        requests=(post(IN_BODY, b"x" * 60_000, length=MEBIBYTE),),
    ),
    Scene(
        name="idle connections",
        mode="hold",
        connections=3000,
        addresses=20,
        requests=(b"P",),
    ),
    Scene(
        name="nothing of HTTP",
        requests=(b"\x16\x03\x01 nonsense\r\n\r\n", b"GET / HTTP/9\n\n"),
        mode="fresh",
    ),
)
