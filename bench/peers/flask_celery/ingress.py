"""The HTTP side: a webhook is answered 200 once the broker has confirmed its task."""

from __future__ import annotations

from flask import Flask, Response, request

from bench.peers.flask_celery.tasks import CONFIRM_WITHIN, apply

app = Flask(__name__)


@app.post("/webhooks/<source>")
@app.post("/webhooks/<source>/<event>")
def receive(source: str, event: str = "") -> Response:  # noqa: ARG001 - a path may have one
    """Take a webhook; an error of the broker becomes a 500, and the provider sends it again."""
    headers = request.headers
    apply.apply_async(
        (source, headers.get("X-Request-Id", ""), dict(headers), request.get_data()),
        confirm_timeout=CONFIRM_WITHIN,
    )
    return Response()
