"""The log of aiohttp's server: without the text of its errors, which quotes the request."""

from __future__ import annotations

import logging

from aiohttp import web
from aiohttp.http import HttpProcessingError

from services.ingress.tally import Tally


def http_log(tally: Tally) -> logging.Logger:
    """Return the logger for the server; what anybody can cause by malformed HTTP is counted."""
    logger = logging.getLogger("services.ingress.http")
    logger.filters[:] = [_Strangers(tally)]
    return logger


class _Strangers(logging.Filter):
    def __init__(self, tally: Tally) -> None:
        super().__init__()
        self._tally = tally

    def filter(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if record.exc_info else None
        if isinstance(error, HttpProcessingError | web.RequestPayloadError):
            self._tally.note("request_malformed", "")
            return False
        if error is not None:
            record.msg, record.args = "http_server_failed: %s", (type(error).__name__,)
            record.exc_info = None
        return True
