"""What Conectados is told: 201 and an echo, to every authentic event, known or not.

https://conectados.apidog.io/api-18604273, response 201.
"""

from __future__ import annotations

import json

from libs.contracts.delivery import Delivery
from libs.providers.conectados.body import read_body
from libs.providers.port import Answer
from libs.providers.reading import NotReadableError


def acknowledge(delivery: Delivery) -> Answer:
    """Echo the event and its transaction as they came; 400 for what is no JSON object."""
    try:
        fields = read_body(delivery.body).fields
    except NotReadableError as error:
        return _answer(400, {"status": "error", "message": str(error)})
    echo: dict[str, str | int] = {
        "status": "received",
        "message": "Webhook processed successfully",
    }
    event, transaction = fields.get("event_type"), fields.get("transaction_id")
    if isinstance(event, str):
        echo["event"] = event
    if isinstance(transaction, str | int) and not isinstance(transaction, bool):
        echo["transaction_id"] = transaction
    return _answer(201, echo)


def _answer(status: int, body: dict[str, str | int]) -> Answer:
    return Answer(status=status, body=json.dumps(body).encode(), content_type="application/json")
