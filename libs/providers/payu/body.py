"""JSON or form: PayU documents neither, so the bytes decide and the header is only a hint."""

from __future__ import annotations

from typing import Final

from libs.contracts.delivery import Delivery
from libs.providers.reading import Json, NotReadableError, media_type, read_form, read_json

_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"


def read_body(delivery: Delivery) -> Json:
    """Return the JSON document, or the form as an object of texts; or `NotReadableError`."""
    raw = delivery.body.removeprefix(_BYTE_ORDER_MARK).strip()
    if not raw:
        raise NotReadableError("an empty body")
    if raw[:1] in b'{["':
        return read_json(raw)
    if b"=" not in raw and "json" in media_type(delivery.content_type):
        return read_json(raw)
    return dict(read_form(raw))
