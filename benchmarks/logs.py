"""How fast lines pass through a run's log, with secrets to be masked and without. Run: python benchmarks/logs.py"""

from __future__ import annotations

import secrets
from statistics import median
from time import perf_counter

from cronapp.core.clock import system_clock
from cronapp.core.models import LogStream
from cronapp.engine.runlog import Cover, RunLog

LINES, EACH, ROUNDS = 50_000, 500, 9
WORDS = [secrets.token_urlsafe(32) for _ in range(10)]
PLAIN = [
    f"12:00:{n % 60:02d} order {n} of customer {n * 7} was sent to Kiel, took 0.{n % 1000} s\n" for n in range(1000)
]


def lines(told: int) -> list[str]:
    """A thousand lines, so many of which tell a secret."""
    step = 1000 // told if told else 0
    return [f"{line[:-1]} {WORDS[0]}\n" if step and n % step == 0 else line for n, line in enumerate(PLAIN)]


CASES = {
    "no secret known": (0, 0),
    "1 secret, none printed": (1, 0),
    "10 secrets, none printed": (10, 0),
    "10 secrets, one in 100 lines": (10, 10),
    "10 secrets, one in each line": (10, 1000),
}


def seconds(known: int, told: int) -> float:
    log, text = RunLog(10**9, system_clock, cover=Cover(WORDS[:known])), lines(told)
    began = perf_counter()
    for n in range(LINES):
        log.write(LogStream.STDOUT, text[n % 1000])
        if n % EACH == 0:
            log.take()
    log.take(flush=True)
    return perf_counter() - began


def main() -> None:
    times: dict[str, list[float]] = {name: [] for name in CASES}
    for _ in range(ROUNDS):  # side by side, so that a busy machine is so for all of them
        for name, case in CASES.items():
            times[name].append(seconds(*case))
    usual = median(times["no secret known"])
    for name, taken in times.items():
        middle = median(taken)
        print(f"{name:30} {LINES / middle:10,.0f} lines a second  {100 * (middle / usual - 1):+5.0f} %")


if __name__ == "__main__":
    main()
