"""The tasks that are loaded now."""

from __future__ import annotations

import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

from cronapp.core.addressing import readable, rules_json, sealed_rules, sealed_url
from cronapp.core.clock import Clock, system_clock
from cronapp.core.code import Code, Environment, code_of
from cronapp.core.differences import snapshot
from cronapp.core.hidden import MASK, Hidden, Named
from cronapp.core.models import Job, JobSpec, Json, Notify
from cronapp.core.references import Look
from cronapp.core.registry import (
    BOOK,
    LoadError,
    Registry,
    Task,
    book_files,
    code_job_id,
    declared_in_files,
    file_hashes,
    load,
    merged,
    source_files,
)
from cronapp.core.sealing import aligned, opened, sealed, shown
from cronapp.core.spec import with_urls
from cronapp.core.vault import Vault


@dataclass(frozen=True, slots=True, kw_only=True)
class Stale:
    """A source that cannot be imported, while what was read of it before is still in use."""

    source: str
    error: str
    since: datetime  # when that was read


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What another reading of the tasks files brought."""

    tasks: int
    new: tuple[str, ...]
    gone: tuple[str, ...]
    stale: tuple[Stale, ...]
    errors: tuple[LoadError, ...]


class Tasks:
    """Holds the registry made from the tasks files, and makes it anew when asked."""

    def __init__(
        self,
        sources: Sequence[str],
        clock: Clock = system_clock,
        vault: Vault | None = None,
        ready: Sequence[str] = (),
        variable: Look = lambda name: None,
    ) -> None:
        """`vault` keeps the secrets among arguments; without one, arguments with a secret are refused. `ready` are the
        modules of ready-made tasks; where a tasks file has one of the same name, that one counts.
        `variable` has the addresses that are not in a file of jobs."""
        self.sources = tuple(sources)
        self.ready = tuple(ready)
        self.clock = clock
        self.vault = vault or Vault()
        self.variable = variable
        self.registry: Registry = self._with_files(load([*self.sources, *self.ready]))
        self.stale: tuple[Stale, ...] = ()
        self._read = {source: clock() for source in self.sources if source not in self.registry.failed}
        self._snapshots: dict[str, tuple[Task, Json]] = {}
        self._codes: dict[str, tuple[Task, Code]] = {}
        self.environment = environment_now(self.sources)

    def reload(self) -> Reading:
        """Reads the tasks files again. One that cannot be imported any more keeps the tasks that it had."""
        before = self.registry
        fresh = load([*self.sources, *self.ready], anew=True)
        kept = [source for source in self.sources if source in fresh.failed and source in self._read]
        for source in self.sources:
            if source not in fresh.failed:
                self._read[source] = self.clock()
        wrong = {error.source: error.error for error in fresh.errors if error.source in fresh.failed}
        self.stale = tuple(Stale(source=one, error=wrong[one], since=self._read[one]) for one in kept)
        self.registry = self._with_files(merged(fresh, before, kept))
        self.environment, self._codes = environment_now(self.sources), {}
        names, had = set(self.registry.tasks), set(before.tasks)
        return Reading(
            tasks=len(names),
            new=tuple(sorted(names - had)),
            gone=tuple(sorted(had - names)),
            stale=self.stale,
            errors=tuple(self.registry.errors),
        )

    def _with_files(self, registry: Registry) -> Registry:
        """Reads which jobs the files beside declare, and tells what is wrong with them beside what is with tasks."""
        found, wrong = declared_in_files(self.sources, self.variable)
        own = {code_job_id(task): task.name for task in registry.tasks.values() if task.options.schedule}
        for job in found:
            if task := own.get(job["id"]):
                text = f"The job {job['id']} is declared by @task of {task} already. Take it out of one of the two."
                wrong.append(LoadError(BOOK, text, ""))
        self.declared = [job for job in found if job["id"] not in own]
        return replace(registry, errors=[*registry.errors, *wrong])

    def files(self) -> set[Path]:
        """The files whose change asks for another reading."""
        return {*source_files(self.sources, every=bool(self.registry.errors)), *book_files(self.sources)}

    def get(self, name: str) -> Task:
        """The task of that name; raises `TaskNotFound`."""
        return self.registry.get(name)

    def find(self, name: str) -> Task | None:
        return self.registry.tasks.get(name)

    def snapshot(self, name: str) -> Json | None:
        """What the task of that name is like now, to be kept with the jobs that fit it."""
        task = self.find(name)
        if task is None:
            return None
        known = self._snapshots.get(name)
        if known is None or known[0] is not task:
            known = self._snapshots[name] = task, snapshot(task)
        return known[1]

    def code(self, name: str) -> Code | None:
        """With what code a run of that task is made now."""
        task = self.find(name)
        if task is None:
            return None
        known = self._codes.get(name)
        if known is None or known[0] is not task:
            known = self._codes[name] = task, code_of(task.text, self.environment)
        return known[1]

    # -- secrets among arguments ----------------------------------------------------------------------------------

    def sealed(self, name: str, args: Mapping[str, Any], like: Mapping[str, Any] | None = None) -> Json:
        """Arguments of that task as they are kept: what has a secret in it is encrypted. What is the same in `like`
        stays as it is there. Raises `InvalidInput` where there is no key to encrypt with."""
        task = self.find(name)
        known = {one: value for one, value in (like or {}).items() if isinstance(value, Hidden)}
        return self.aligned(sealed(task.signature, args, self.vault) if task else dict(args), known)

    def opened(self, args: Mapping[str, Any]) -> Json:
        """Arguments to be looked at or changed: decrypted. What cannot be decrypted stays encrypted."""
        return opened(args, self.vault)

    def aligned(self, args: Mapping[str, Any], like: Mapping[str, Any]) -> Json:
        """Arguments in which each that says the same as in `like` is the one there. Else the same secret, encrypted
        twice, would look like two."""
        return aligned(args, like, self.vault)

    def aligned_spec(self, spec: JobSpec, like: JobSpec) -> JobSpec:
        return replace(spec, args=self.aligned(spec.args, like.args), notify=self.aligned_rules(spec.notify, like))

    def sealed_rules(self, rules: Sequence[Notify], like: JobSpec | None = None) -> tuple[Notify, ...]:
        """Who is told what, with encrypted addresses. What is the same in `like` stays as it is there. Raises
        `InvalidInput` where there is no key to encrypt with."""
        return sealed_rules(rules, self.vault, like.notify if like else ())

    def aligned_rules(self, rules: Sequence[Notify], like: JobSpec) -> tuple[Notify, ...]:
        """Rules in which each address that is the same in `like` is the one there."""
        known = {readable(url, self.vault): url for rule in like.notify for url in rule.all_urls()}
        return tuple(
            with_urls(rule, [known.get(readable(url, self.vault) or "", url) for url in rule.all_urls()])
            for rule in rules
        )

    def sealed_json(self, name: str, data: Json, like: JobSpec) -> Json:
        """What the code declares of a job, as it is kept beside the job."""
        told = {**data, "args": self.sealed(name, data.get("args", {}), like.args)}
        return {**told, "notify": rules_json(data["notify"], self._like(like))} if data.get("notify") else told

    def _like(self, like: JobSpec) -> Callable[[str], str]:
        known = {readable(url, self.vault): url for rule in like.notify for url in rule.all_urls()}
        return lambda url: known.get(url) or sealed_url(url, self.vault)

    def opened_json(self, data: Json) -> Json:
        """The reverse. What cannot be decrypted stays encrypted."""
        told = {**data, "args": self.opened(data.get("args", {}))}
        if not data.get("notify"):
            return told
        return {**told, "notify": rules_json(data["notify"], lambda url: readable(url, self.vault) or url)}

    def masked(self, name: str, args: Json) -> Json:
        """Arguments of that task as they may be shown: without their secrets."""
        task = self.find(name)
        return task.signature.masked(args) if task else shown(args)

    def masked_of(self, job: Job) -> Json:
        """The job's arguments as they may be shown, also where its task is gone or no longer takes them."""
        secret = {one["name"] for one in (job.fits or {}).get("parameters", ()) if one.get("secret")}
        args = self.masked(job.task, job.spec.args)
        return {
            name: MASK if name in secret and value is not None and not isinstance(job.spec.args[name], Named) else value
            for name, value in args.items()
        }

    def masked_for_good(self, name: str, args: Json, fits: Json | None = None) -> Json:
        """Arguments of a run, or of an older version of a job. What may be a secret, since its task is gone or has no
        such parameter now, is hidden too; `fits` is what the job's arguments fitted last."""
        task = self.find(name)
        given = args
        if task is not None:
            listed = {one.name for one in task.signature.parameters}
            known = listed if task.signature.extra is None else {*listed, *args}
            args = task.signature.masked(args)
        elif fits and fits["task"] == name:
            known = {one["name"] for one in fits["parameters"] if not one.get("secret")}
        else:
            known = set()
        open_names = known | {one for one, value in given.items() if isinstance(value, Named)}
        return {one: value if one in open_names else MASK for one, value in shown(args).items()}

    def guarded(self) -> dict[str, frozenset[str]]:
        """The tasks that take secrets, with the names of their arguments that hold none."""
        found = [(task.name, task.signature) for task in self.all()]
        return {name: signature.open_names() for name, signature in found if signature.has_secrets}

    def all(self) -> list[Task]:
        return list(self.registry.tasks.values())


def environment_now(sources: Sequence[str]) -> Environment:
    """What the tasks of these sources meet, as they were just loaded."""
    return Environment(python=platform.python_version(), packages=installed(), files=file_hashes(sources))


@cache
def installed() -> dict[str, str]:
    """The packages that are installed, with their versions; a process keeps those with which it began."""
    told = [one.metadata for one in distributions()]  # each is a long text, so it is read once
    found = {one["Name"].lower(): one["Version"] for one in reversed(told) if one["Name"]}  # the first is imported
    return dict(sorted(found.items()))
