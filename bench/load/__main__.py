"""The load generator as a process: it prepares, says so, waits for its word, sends, and tells.

in   one line of JSON: what to send; later an empty line: begin
out  {"prepared": n}, then one line of JSON with what happened

What is sent is made here, before anything is measured, and sent by a C program (`native/send.c`).
"""

from __future__ import annotations

import json
import signal
import struct
import subprocess
import sys
import tempfile
from collections import Counter
from itertools import cycle, islice
from pathlib import Path
from typing import IO, Any

from bench.limits.figures import percentile
from bench.load.corpus import Corpus
from bench.load.times import Times, read_times
from bench.native_programs import native


def _say(told: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(told) + "\n")
    sys.stdout.flush()


def _prepare(wanted: dict[str, Any], path: Path) -> int:
    """Write as many requests as are wanted; where fewer are to differ, these over and over."""
    corpus = Corpus(wanted["seed"], wanted["run"], wanted["hot_share"])
    count = int(wanted["count"])
    distinct = min(count, wanted["distinct"] or count)
    each = (struct.pack("=I", len(one)) + one for one in corpus.stream(distinct))
    with path.open("wb") as out:
        out.writelines(each if distinct == count else islice(cycle(each), count))
    return count


def _command(wanted: dict[str, Any], requests: Path, times: Path) -> list[str]:
    numbers = [wanted[name] for name in ("port", "connections", "rate", "seconds", "linger")]
    return [str(native("send")), *map(str, numbers), str(requests), str(times)]


def _run(wanted: dict[str, Any], folder: Path) -> dict[str, Any]:
    requests = folder / "requests"
    times = Path(wanted["times"] or folder / "times")
    prepared = _prepare(wanted, requests)
    with subprocess.Popen(  # noqa: S603 - our own program
        _command(wanted, requests, times),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as sending:
        into, out = _pipes(sending)
        try:
            if out.readline() != "ready\n":
                raise RuntimeError("the sender is not ready; its error stands above")
            signal.signal(signal.SIGUSR1, lambda *_: sending.send_signal(signal.SIGUSR1))
            _say({"prepared": prepared})
            sys.stdin.readline()
            into.write("\n")
            into.flush()
            told: dict[str, Any] = json.loads(out.readline())
        finally:
            sending.kill()
    return told | _figures(read_times(times), wanted["warm_up"])


def _pipes(process: subprocess.Popen[str]) -> tuple[IO[str], IO[str]]:
    if process.stdin is None or process.stdout is None:
        raise RuntimeError("the sender has no pipes")
    return process.stdin, process.stdout


def _figures(sent: Times, warm_up: float) -> dict[str, Any]:
    """Answers by status; rate and latencies of what was due after the warm-up, in milliseconds."""
    counted = Counter(status for status in sent.statuses if status)
    found: dict[str, Any] = {
        "statuses": {str(status): n for status, n in counted.items()},
        "unanswered": sum(1 for done in sent.done if not done),
    }
    if not sent.due:
        return found
    since = sent.due[0] + warm_up
    pairs = [
        (due, done) for due, done in zip(sent.due, sent.done, strict=True) if due >= since and done
    ]
    if not pairs:
        return found
    took = sorted(1000 * (done - due) for due, done in pairs)
    last = sent.due[-1]
    within = sum(1 for _, done in pairs if done <= last)
    return found | {
        "rate": within / (last - since) if last > since else 0.0,
        "latency_ms": {f"p{q}": percentile(took, q) for q in (50, 90, 99)} | {"max": took[-1]},
    }


def main() -> None:
    """Do one run."""
    wanted = json.loads(sys.stdin.readline())
    with tempfile.TemporaryDirectory(prefix="caudal-load-") as folder:
        _say(_run(wanted, Path(folder)))


if __name__ == "__main__":
    main()
