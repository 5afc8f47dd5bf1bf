"""A run that went wrong against the last one that succeeded, as the API tells it."""

from __future__ import annotations

from collections.abc import Iterable

from cronapp import wire
from cronapp.core.comparison import Change, Comparison, LogDifference
from cronapp.web.api.told import line_told


def comparison_told(compared: Comparison) -> wire.Comparison:
    run, before = compared.run, compared.before
    return wire.Comparison(
        run=run.id,
        before=before.id,
        nothing_changed=compared.nothing,
        function=compared.function,
        diff=[wire.DiffLine(mark=line.mark, text=line.text, number=line.number) for line in compared.diff],
        args=differences_told(compared.args),
        environment=compared.environment,
        python=difference_told(compared.python) if compared.python else None,
        packages=differences_told(compared.packages),
        files=differences_told(compared.files),
        host=difference_told(compared.host) if compared.host else None,
        duration=wire.Durations(before=before.duration, now=run.duration),
        slot=wire.Slots(before=before.slot, now=run.slot),
        log=logs_told(compared.log) if compared.log else None,
        log_compared_up_to=compared.log_beyond,
    )


def differences_told(found: Iterable[Change]) -> list[wire.Difference]:
    return [difference_told(one) for one in found]


def difference_told(one: Change) -> wire.Difference:
    return wire.Difference(name=one.name, before=one.before, now=one.now)


def logs_told(log: LogDifference) -> wire.LogDifference:
    return wire.LogDifference(
        common_before=[line_told(line) for line in log.common_before],
        common=[line_told(line) for line in log.common],
        before=[line_told(line) for line in log.before],
        now=[line_told(line) for line in log.now],
    )
