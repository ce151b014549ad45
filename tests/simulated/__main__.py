"""`python -m tests.simulated SEED…`: runs seeds once more and shows what happened in each."""

import sys

from tests.simulated.simulation import simulate

red = False
for seed in map(int, sys.argv[1:]):
    report = simulate(seed)
    lines = [
        *report.trace,
        f"seed {seed}: {report.steps} steps, {report.seconds:.0f} virtual seconds",
        *(f"BREACH {breach}" for breach in report.breaches or ["none"]),
    ]
    sys.stdout.write("\n".join(lines) + "\n")
    red = red or bool(report.breaches)
sys.exit(red)
