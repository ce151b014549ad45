"""A throw-away certificate authority, and certificates of every kind that must not be accepted."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import trustme

LOOPBACK = "127.0.0.1"


class Authority:
    """Signs for servers and clients; everything lies in `folder`, and goes with it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._ours, self._another = trustme.CA(), trustme.CA()
        folder.mkdir(parents=True, exist_ok=True)
        self.ca = folder / "ca.pem"
        self.another_ca = folder / "another-ca.pem"
        self._ours.cert_pem.write_to_path(str(self.ca))
        self._another.cert_pem.write_to_path(str(self.another_ca))

    def server(self, kind: str) -> tuple[bytes, bytes]:
        """Return certificate and key (PEM): `right`, `expired`, `early`, `elsewhere` or `stranger`."""
        now = datetime.now(UTC)
        match kind:
            case "expired":
                leaf = self._ours.issue_cert(
                    LOOPBACK, not_before=now - timedelta(days=2), not_after=now - timedelta(days=1)
                )
            case "early":
                leaf = self._ours.issue_cert(
                    LOOPBACK, not_before=now + timedelta(days=1), not_after=now + timedelta(days=2)
                )
            case "elsewhere":
                leaf = self._ours.issue_cert("db.example.com", "127.0.0.2")
            case "stranger":
                leaf = self._another.issue_cert(LOOPBACK)
            case _:
                leaf = self._ours.issue_cert(LOOPBACK)
        chain = b"".join(each.bytes() for each in leaf.cert_chain_pems)
        return chain, leaf.private_key_pem.bytes()

    def client(self, *, ours: bool) -> tuple[Path, Path]:
        """Return the files of a client's certificate and key."""
        authority, name = (self._ours, "ours") if ours else (self._another, "another")
        leaf = authority.issue_cert("client@example.com", common_name="client")
        certificate, key = self._folder / f"{name}-client.pem", self._folder / f"{name}-client.key"
        certificate.write_bytes(b"".join(each.bytes() for each in leaf.cert_chain_pems))
        leaf.private_key_pem.write_to_path(str(key))
        return certificate, key
