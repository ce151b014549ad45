"""The load generator as a process: it prepares, says so, waits for its word, sends, and tells.

in   one line of JSON: what to send; later an empty line: begin
out  {"prepared": n}, then one line of JSON with what happened
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from time import monotonic, process_time
from typing import Any

import uvloop

from bench.limits.figures import percentile
from bench.load.corpus import Corpus
from bench.load.sender import Sender, Sent


def _say(told: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(told) + "\n")
    sys.stdout.flush()


async def _run(wanted: dict[str, Any], requests: list[bytes]) -> dict[str, Any]:
    sender = Sender(wanted["host"], wanted["port"], requests, connections=wanted["connections"])
    await sender.connect()
    begun, used = monotonic(), process_time()
    if wanted["rate"]:
        await sender.at_rate(wanted["rate"], wanted["seconds"], linger=wanted["linger"])
    else:
        await sender.flat_out(wanted["seconds"], linger=wanted["linger"])
    ended, used = monotonic(), process_time() - used
    sender.close()
    if wanted.get("times"):
        _write(Path(wanted["times"]), sender.sent)
    return {
        "begun": begun,
        "ended": ended,
        "sent": len(sender.sent.due),
        "statuses": {str(status): n for status, n in sender.sent.statuses.items()},
        "cpu_s": used,
        "cut": sender.sent.cut,
        "unanswered": sum(1 for done in sender.sent.done if not done),
        **_figures(sender.sent, wanted["warm_up"]),
    }


def _figures(sent: Sent, warm_up: float) -> dict[str, Any]:
    """Rate and latencies of what was due after the warm-up; milliseconds."""
    if not sent.due:
        return {}
    since = sent.due[0] + warm_up
    pairs = [
        (due, done) for due, done in zip(sent.due, sent.done, strict=True) if due >= since and done
    ]
    if not pairs:
        return {}
    took = sorted(1000 * (done - due) for due, done in pairs)
    last = sent.due[-1]
    within = sum(1 for _, done in pairs if done <= last)
    return {
        "rate": within / (last - since) if last > since else 0.0,
        "latency_ms": {f"p{q}": percentile(took, q) for q in (50, 90, 99)} | {"max": took[-1]},
    }


def _write(path: Path, sent: Sent) -> None:
    with path.open("wb") as out:
        sent.due.tofile(out)
        sent.done.tofile(out)


def main() -> None:
    """Do one run."""
    wanted = json.loads(sys.stdin.readline())
    corpus = Corpus(wanted["seed"], wanted["run"], wanted["hot_share"])
    requests = corpus.requests(wanted["count"])
    _say({"prepared": len(requests)})
    sys.stdin.readline()
    _say(uvloop.run(_run(wanted, requests)))


if __name__ == "__main__":
    main()
