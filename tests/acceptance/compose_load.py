"""What is sent to the containers while something happens to them, and what is run inside of them."""

from __future__ import annotations

import contextlib
import threading
import time
import uuid
from collections.abc import Iterator

from tests.acceptance.compose_project import READY_SECONDS, TOP, Project, post, within

EXAMPLES = TOP / "libs/providers"
CREATED = (EXAMPLES / "clip/examples/checkout_created.json").read_bytes()
REFERENCE = "e1961597-eccd-4bf5-94f3-c343d529caaa"
# Consumes all that waits in the queue of the events, as a service of the operator's would.
READ_EVENTS = """
import asyncio, aio_pika
async def main():
    url = open("/run/secrets/events_amqp_url").read().strip()
    async with await aio_pika.connect(url) as connection:
        queue = await (await connection.channel()).get_queue("caudal.events.all", ensure=False)
        while message := await queue.get(no_ack=False, fail=False):
            print(message.body.decode())
            await message.ack()
asyncio.run(main())
"""
# What a stranger in the ingress would try with its user: to read each queue, and to reach the database.
TRY_TO_READ = """
import asyncio, socket, aio_pika
async def main():
    url = open("/run/secrets/amqp_url").read().strip()
    async with await aio_pika.connect(url) as connection:
        for name in ("normalizer", "archive", "reconciler", "notices", "events.all", "dead"):
            try:
                channel = await connection.channel()
                await (await channel.get_queue(f"caudal.{name}", ensure=False)).get(fail=False)
                print(name, "was read")
            except Exception as error:
                print(name, type(error).__name__)
asyncio.run(main())
try:
    socket.create_connection(("postgres", 5432), 3)
    print("database", "was reached")
except OSError as error:
    print("database", type(error).__name__)
"""


@contextlib.contextmanager
def load(project: Project, token: str) -> Iterator[dict[str, int]]:
    """Post new payments as fast as one sender may while the block lasts: reference -> answer."""
    answers: dict[str, int] = {}
    ended = threading.Event()

    def send() -> None:
        while not ended.is_set():
            other = str(uuid.uuid4())
            body = CREATED.replace(REFERENCE.encode(), other.encode())
            try:
                answers[other] = post(f"{project.ingress}/webhooks/clip?token={token}", body)
            except OSError:
                answers[other] = 0
            time.sleep(0.02)

    sender = threading.Thread(target=send)
    sender.start()
    try:
        yield answers
    finally:
        ended.set()
        sender.join()


def all_arrive(project: Project, answers: dict[str, int]) -> bool:
    """Whether every webhook that was answered 2xx became an object, in time."""
    kept = {each for each, status in answers.items() if status == 200}
    return within(READY_SECONDS, lambda: kept <= project.objects().keys())
