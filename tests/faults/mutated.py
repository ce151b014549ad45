"""The mutations: which promise is broken where, and which tests have to notice."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

_CLAIM: Final = "test_nothing_is_lost_nothing_happens_twice"
_SHORT_CUT: Final = f"tests/faults/test_short_cut.py::{_CLAIM}"
_MATRIX: Final = f"tests/faults/test_matrix.py::{_CLAIM}"


@dataclass(frozen=True, slots=True)
class Mutation:
    """One change: `old` stands once in `file`."""

    name: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]


MUTATIONS: Final = (
    Mutation(
        "acknowledge before the commit",
        "libs/bus/consumer.py",
        """\
                if not await self._handled(batch, inbox):
                    break
                await self._acknowledge(batch, channel)
""",
        """\
                await self._acknowledge(batch, channel)
                if not await self._handled(batch, inbox):
                    break
""",
        (
            "tests/integration/bus/test_consumer.py::test_grace_ends_a_stuck_handler",
            f"{_SHORT_CUT}[kill-at-reconciler.applied]",
        ),
    ),
    Mutation(
        "acknowledge a batch that failed",
        "libs/bus/consumer.py",
        "            if await wait_for_event(inbox.ended, pause):\n                return False\n",
        "            return True\n",
        ("tests/integration/bus/test_consumer.py::test_failing_batch_is_held",),
    ),
    Mutation(
        "skip the fsync",
        "libs/spool/segment.py",
        "        os.fdatasync(self._file)\n        failpoint",
        "        failpoint",
        ("tests/unit/spool/test_disk.py::test_promise_outlives_a_power_cut",),
    ),
    Mutation(
        "skip the fsync of the folder",
        "libs/spool/segment.py",
        "            _write(descriptor, header(marker, version), 0)\n            sync_folder(folder)\n",
        "            _write(descriptor, header(marker, version), 0)\n",
        ("tests/unit/spool/test_disk.py",),
    ),
    Mutation(
        "believe a record without its checksum",
        "libs/spool/record.py",
        "    return bool(_CRC.unpack_from(head, _FRAME.size + _CRC.size)[0] == crc32(message))\n",
        "    return True\n",
        ("tests/unit/spool/test_damage.py",),
    ),
    Mutation(
        "leave a half-written record in place",
        "libs/spool/segment.py",
        "        os.ftruncate(self._file, self.end)\n",
        "        pass\n",
        ("tests/unit/spool/test_disk.py",),
    ),
    Mutation(
        "answer 2xx when the spool failed",
        "services/ingress/ladder.py",
        """\
        except SpoolError as error:
            raise RefusedError(f"{outcome.value}, spool {error.reason}") from None
""",
        """\
        except SpoolError:
            return Kept.SPOOLED
""",
        ("tests/unit/ingress/test_ladder.py::test_no_rung_left_refuses",),
    ),
    Mutation(
        "remove from the spool before the confirm",
        "services/ingress/draining.py",
        "        until = asyncio.get_running_loop().time() + self._patience\n",
        "        until = asyncio.get_running_loop().time() + self._patience\n"
        "        await self._spool.remove(spooled)\n",
        ("tests/unit/ingress/test_ladder.py",),
    ),
    Mutation(
        "swallow the unroutable return",
        "libs/bus/pipeline.py",
        "    if isinstance(error, PublishError):\n        return Outcome.RETURNED\n",
        "    if isinstance(error, PublishError):\n        return Outcome.CONFIRMED\n",
        (
            "tests/integration/bus/test_publisher.py::test_unbound_key_is_returned",
            "tests/integration/ingress/test_broker_away.py",
        ),
    ),
    Mutation(
        "publish without the mandatory flag",
        "libs/bus/pipeline.py",
        "routing_key=message.routing_key, mandatory=True\n",
        "routing_key=message.routing_key, mandatory=False\n",
        (
            "tests/integration/bus/test_publisher.py::test_unbound_key_is_returned",
            "tests/integration/bus/test_topology.py::test_one_missing_queue_is_noticed",
        ),
    ),
    Mutation(
        "one of two queues is enough",
        "libs/bus/front_door.py",
        "    return max(outcomes, key=_WORST.index)\n",
        "    return min(outcomes, key=_WORST.index)\n",
        (
            "tests/unit/ingress/test_ladder.py::test_only_one_queue_is_not_confirmed",
            "tests/integration/bus/test_topology.py::test_one_missing_queue_is_noticed",
        ),
    ),
    Mutation(
        "count a timeout as confirmed",
        "libs/bus/pipeline.py",
        "    if not answer.done() or answer.cancelled():\n        return Outcome.UNKNOWN\n",
        "    if not answer.done() or answer.cancelled():\n        return Outcome.CONFIRMED\n",
        ("tests/integration/bus/test_publisher.py::test_stopped_broker_is_unknown",),
    ),
    Mutation(
        "acknowledge outcomes without their confirm",
        "services/normalizer/run.py",
        "        if outcome is not Outcome.CONFIRMED:\n"
        '            raise TemporaryError(f"the outcomes were not confirmed: {outcome}")\n',
        "",
        ("tests/unit/normalizer/test_messages.py::test_unconfirmed_outcomes_are_tried_again",),
    ),
    Mutation(
        "delete from the outbox before the confirm",
        "services/reconciler/relay.py",
        "            confirmed = await self._publish(events)\n",
        "            await turn.forget(events)\n"
        "            confirmed = await self._publish(events)\n",
        ("tests/integration/reconciler/test_relay.py",),
    ),
    Mutation(
        "events overtake one that was not confirmed",
        "services/reconciler/relay.py",
        "                    queues[event.object_id].clear()  # what follows must not overtake it\n",
        "                    queues[event.object_id].pop(0)\n",
        ("tests/integration/reconciler/test_relay.py::test_nothing_overtakes_a_failed_event",),
    ),
    Mutation(
        "drop the dedupe key",
        "services/reconciler/steps.py",
        "    first = known.get(said.key)\n",
        '    said = __import__("dataclasses").replace(said, key=f"{said.key} {said.delivery_id}")\n'
        "    first = known.get(said.key)\n",
        (
            "tests/integration/reconciler/test_events.py::test_repeat_tells_nothing",
            f"{_SHORT_CUT}[kill-at-relay.confirmed]",
        ),
    ),
    Mutation(
        "the same delivery again is news",
        "libs/store/sql/apply.sql",
        """\
on conflict (object_id, key) do update
set received_at = excluded.received_at,
    delivery_id = excluded.delivery_id,
    content = excluded.content
where (excluded.received_at, excluded.delivery_id) < (known.received_at, known.delivery_id)
""",
        "",
        ("tests/integration/reconciler/test_events.py",),
    ),
    Mutation(
        "lock no objects",
        "libs/store/sql/apply.sql",
        '  order by o.source collate "C", o.kind collate "C", o.provider_ref collate "C"\n'
        "  for update of o\n",
        "",
        ("tests/integration/reconciler/test_any_order.py",),
    ),
    Mutation(
        "change objects before others are made",
        "libs/store/together.py",
        '    "add_objects",\n    "update_objects",\n',
        '    "update_objects",\n    "add_objects",\n',
        ("tests/integration/reconciler/test_meanwhile.py",),
    ),
    Mutation(
        "overwrite what was changed meanwhile",
        "libs/store/sql/apply.sql",
        "  where o.xmin::text = n.version\n",
        "",
        ("tests/integration/reconciler/test_any_order.py",),
    ),
    Mutation(
        "write what is stale all the same",
        "libs/store/queries.py",
        "        if whole:\n",
        "        if whole and first < 0:\n",
        ("tests/integration/reconciler/test_any_order.py",),
    ),
    Mutation(
        "every relay has the turn",
        "libs/store/sql/outbox.sql",
        "select pg_try_advisory_xact_lock($1)\n",
        "select $1::bigint is not null\n",
        ("tests/integration/reconciler/test_relay.py",),
    ),
    Mutation(
        "a delivery of a lost archive queue is not filed",
        "services/reconciler/apply.py",
        "yet or ever.\n    file_missing(writes, _unfiled(outcomes, known))\n",
        "yet or ever.\n",
        (f"{_MATRIX}[delete-queue-archive-seed1]",),
    ),
    Mutation(
        "an answer is noted though the broker did not take it",
        "services/reconciler/polling/poller.py",
        "        if await deliver(self._publisher, message) is not Published.CONFIRMED:\n",
        "        await deliver(self._publisher, message)\n        if not message:\n",
        ("tests/integration/polling/test_refused.py",),
    ),
    Mutation(
        "a poll may lower a band",
        "libs/domain/fold.py",
        "_MAY_CORRECT = (Authority.OPERATOR,)\n",
        "_MAY_CORRECT = (Authority.OPERATOR, Authority.POLL)\n",
        ("tests/property/test_polls.py",),
    ),
)
