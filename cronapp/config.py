"""The settings, and the only reader of the environment.

Each comes, in this order, from the command line, from `CRONAPP_<NAME>`, from the file named by `CRONAPP_<NAME>_FILE`
(for secrets), or from `cronapp.toml` in the current folder.
"""

from __future__ import annotations

import difflib
import logging
import os
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, TextIO
from urllib.parse import parse_qs, unquote, urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PrivateAttr,
    SecretStr,
    ValidationError,
)

from cronapp.core.durations import parse_duration
from cronapp.core.errors import CannotStart, InvalidInput
from cronapp.core.groups import parse_groups, parse_sight
from cronapp.core.hosts import LAST_PORT, LOOPBACK, bound_to, networks_of
from cronapp.core.ready import MODULES
from cronapp.core.spec.shapes import LABEL
from cronapp.core.validation import explain
from cronapp.core.vault import MAKE_KEY
from cronapp.core.zones import zone

log = logging.getLogger(__name__)
PREFIX = "CRONAPP_"
FILE = "cronapp.toml"
ELSEWHERE = {"URL", "TOKEN"}  # read by the commands that talk to a running server
LATER = {"base_path"}  # public names of what this version does not do yet


def _zone_name(value: str) -> str:
    try:
        return zone(value).key
    except InvalidInput as error:
        raise ValueError(error.errors["timezone"]) from None


def _words(value: Any) -> Any:
    return value.replace(",", " ").split() if isinstance(value, str) else value


def _seconds(value: Any) -> Any:
    return parse_duration(value) if isinstance(value, str | int | float) else value


UNITS = {"KB": 1_000, "MB": 1_000_000, "GB": 1_000_000_000}


def _bytes(value: Any) -> Any:
    """`10MB` as well as a number."""
    if not isinstance(value, str) or value[-2:].upper() not in UNITS:
        return value
    try:
        return float(value[:-2]) * UNITS[value[-2:].upper()]
    except ValueError:
        raise ValueError(f"{value!r} is no size. Write a number of bytes, or as 10MB.") from None


def _checked_by(parse: Callable[[Any], object]) -> AfterValidator:
    """Keeps the text, which `parse` must be able to read."""

    def check(value: Any) -> Any:
        parse(value)
        return value

    return AfterValidator(check)


def _text(value: Any) -> Any:
    return str(value) if isinstance(value, int) else value


def _issuer(value: str) -> str:
    parts = urlsplit(value)
    if not parts.hostname or parts.query or parts.fragment:
        raise ValueError("Write the issuer's address as it names itself, such as https://id.example/realms/main.")
    if parts.scheme != "https" and parts.hostname not in LOOPBACK:
        raise ValueError("The issuer must be reached by https: who can read the way to it could come in as anybody.")
    return value


def _ready(value: tuple[str, ...]) -> tuple[str, ...]:
    for name in value:
        if name not in MODULES:
            raise ValueError(f"There is no ready-made task {name!r}. There are {', '.join(MODULES)}.")
    return value


def _labels(value: tuple[str, ...]) -> tuple[str, ...]:
    for one in value:
        if not re.fullmatch(LABEL, one):
            raise ValueError(f"{one!r} is no label. Write letters, digits, dots and hyphens, as gpu or zone=eu.")
    return value


def _trace_url(value: str) -> str:
    if urlsplit(value).scheme not in ("http", "https") or "{trace_id}" not in value:
        raise ValueError("Write the address of a trace, with {trace_id} in it: https://jaeger.example/trace/{trace_id}")
    return value


def _header(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9-]+", value):
        raise ValueError("Write the name of a header, such as Remote-User.")
    return value


def _web_address(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise ValueError("Write the address under which people open the site, such as https://cron.example.org.")
    return value.rstrip("/")


def _addresses(value: Any) -> Any:
    """Apprise addresses are separated by spaces or line breaks: they may have commas in them."""
    return SecretStr(" ".join(value)) if isinstance(value, list | tuple) else value


LEAST_MEMORY = 64_000_000  # a child takes most of that before its task begins

LEAST_KEY = 32  # letters


def _keys(value: SecretStr) -> SecretStr:
    if not (keys := keys_in(value)):
        raise ValueError("There is no key in it. Make one: " + MAKE_KEY)
    if any(len(key) < LEAST_KEY for key in keys):
        raise ValueError(f"Each key needs {LEAST_KEY} characters or more. Make one: {MAKE_KEY}")
    return value


def keys_in(value: SecretStr | None) -> tuple[str, ...]:
    """The keys, which are separated by commas or spaces; the first one encrypts."""
    return tuple(value.get_secret_value().replace(",", " ").split()) if value else ()


Keys = Annotated[SecretStr, AfterValidator(_keys)]
Words = Annotated[tuple[str, ...], BeforeValidator(_words)]
Seconds = Annotated[float, BeforeValidator(_seconds), Field(ge=0)]
Networks = Annotated[Words, _checked_by(networks_of)]
GroupRoles = Annotated[str, _checked_by(parse_groups)]
SightText = Annotated[str, _checked_by(parse_sight)]
Header = Annotated[str, AfterValidator(_header)]


class Settings(BaseModel):
    """What may be set. Each field is `CRONAPP_` and its name in capitals."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    tasks: Words = ("tasks.py",)
    ready_tasks: Annotated[Words, AfterValidator(_ready)] = ()
    allow_private_hooks: bool = False
    watch: bool | None = None  # the tasks files; None: where somebody sits at the terminal
    database: str = "sqlite:///cronapp.db"
    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=LAST_PORT)] = 5000
    worker_listen: Annotated[str, BeforeValidator(_text), _checked_by(bound_to)] | None = None  # None: nowhere
    metrics_port: Annotated[int, Field(ge=0, le=LAST_PORT)] | None = None  # None: only for who may look at the site
    metrics_jobs: Annotated[int, Field(ge=0)] = 5000
    timezone: Annotated[str, AfterValidator(_zone_name)] = "UTC"
    admin_token: SecretStr | None = None
    trusted_hosts: Words = ()
    concurrency: Annotated[int, Field(ge=1, le=10_000)] = 100
    queues: Words = ()  # that this process executes runs of; empty: every one
    labels: Annotated[Words, AfterValidator(_labels)] = ()  # that this process has
    stall: Annotated[Seconds, Field(ge=2)] = 10
    keep_days: Annotated[float, Field(gt=0)] = 90
    keep_runs: Annotated[int, Field(ge=1)] = 10_000
    audit_days: Annotated[float, Field(ge=1)] = 400
    log_limit: Annotated[int, BeforeValidator(_bytes), Field(ge=1000)] = 10_000_000
    task_memory: Annotated[int, BeforeValidator(_bytes), Field(ge=LEAST_MEMORY)] | None = None
    task_processes: Annotated[int, Field(ge=1)] | None = None
    notify: Annotated[SecretStr, BeforeValidator(_addresses)] | None = None  # Apprise addresses
    public_url: Annotated[str, AfterValidator(_web_address)] | None = None
    log_format: Literal["text", "json"] = "text"
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    trace_url: Annotated[str, AfterValidator(_trace_url)] | None = None
    left_threads: Annotated[int, Field(ge=0)] = 100  # 0: any number
    stop_timeout: Seconds = 30
    session_idle: Annotated[Seconds, Field(ge=60)] = 7 * 86400
    session_life: Annotated[Seconds, Field(ge=60)] = 30 * 86400
    secret_key: Keys | None = None  # for secrets at rest
    oidc_issuer: Annotated[str, AfterValidator(_issuer)] | None = None
    oidc_client_id: str | None = None
    oidc_client_secret: SecretStr | None = None
    oidc_name: str = "single sign-on"
    oidc_scopes: Words = ("openid", "profile", "email")
    oidc_groups: str = "groups"
    oidc_roles: GroupRoles = ""
    oidc_default_role: SightText | None = None
    trusted_proxies: Networks = ()
    proxy_user_header: Header | None = None
    proxy_groups_header: Header | None = None
    proxy_roles: GroupRoles = ""
    proxy_default_role: SightText | None = None
    api_rate: Annotated[float, Field(ge=0)] = 50
    api_burst: Annotated[int, Field(ge=1)] = 500
    api_refusals: Annotated[int, Field(ge=0)] = 30
    streams: Annotated[int, Field(ge=1)] = 50
    _origins: dict[str, str] = PrivateAttr(default_factory=dict)

    @property
    def secret_keys(self) -> tuple[str, ...]:
        """The keys for secrets; the first one encrypts."""
        return keys_in(self.secret_key)

    @property
    def ready_modules(self) -> tuple[str, ...]:
        """The modules of the ready-made tasks that are switched on."""
        return tuple(MODULES[name] for name in self.ready_tasks)

    @property
    def notify_urls(self) -> tuple[str, ...]:
        """The Apprise addresses that are told what the rule for all jobs says."""
        return tuple(self.notify.get_secret_value().split()) if self.notify else ()

    @property
    def signs_in_elsewhere(self) -> bool:
        """Whether people can come in by an issuer or a proxy, so that nobody needs an account or a token here."""
        return bool(self.oidc_issuer or self.proxy_user_header)

    def origin(self, name: str) -> str:
        """Where it was set: `the command line`, the variable, or the file; empty: nowhere, so the default holds."""
        return self._origins.get(name, "")


MEANINGS = {
    "tasks": "Files and modules whose functions are tasks",
    "ready_tasks": "Ready-made tasks that are there too",
    "allow_private_hooks": "Whether messages and requests may go to addresses of private networks",
    "watch": "Whether the tasks files are read again when they change",
    "timezone": "The time zone of new jobs",
    "concurrency": "Runs side by side in this process, of all jobs together",
    "queues": "Queues that this process executes runs of; none named: every one",
    "labels": "What this process has that jobs may ask for",
    "stall": "After how long without a sign of life a node counts as dead, where several share a database",
    "task_memory": "Bytes that a task in a process of its own may take",
    "task_processes": "Processes that such a task may start",
    "left_threads": "Threads of runs that could not be stopped, with which a worker starts anew; 0: it never does",
    "stop_timeout": "How long runs have for their end when the server is stopped",
    "database": "Where jobs, runs and logs are kept",
    "keep_runs": "Runs kept of each job",
    "keep_days": "Days after which a run is deleted",
    "audit_days": "Days after which the audit forgets what was done",
    "log_limit": "Bytes kept of one run’s log",
    "host": "The address that the server listens on",
    "port": "The port that it listens on",
    "trusted_hosts": "Further names under which the site answers",
    "trusted_proxies": "Proxies that are believed from where a request comes",
    "admin_token": "A token for programs, which signs people in too",
    "session_idle": "After how long without use a browser is signed out",
    "session_life": "After how long it is signed out in any case",
    "secret_key": "The key that secrets are encrypted with; older ones behind it are still read",
    "oidc_issuer": "Where people sign in by OpenID Connect",
    "oidc_client_id": "As what this site is known there",
    "oidc_client_secret": "Its secret there",
    "oidc_name": "What the button for it says",
    "oidc_scopes": "What is asked for there",
    "oidc_groups": "The claim that holds somebody’s groups",
    "oidc_roles": "Which role each group gives",
    "oidc_default_role": "The role of who is in none of them",
    "proxy_user_header": "The header in which a proxy names who asks",
    "proxy_groups_header": "The header in which it names their groups",
    "proxy_roles": "Which role each of these groups gives",
    "proxy_default_role": "The role of who is in none of these",
    "api_rate": "Calls of the API that each program may make in a second; 0: any number",
    "api_burst": "Calls that it may make at once",
    "api_refusals": "Calls without a good token that are answered in a minute, of each address; 0: any number",
    "streams": "Connections for live pages and event streams that each person or program may hold",
    "worker_listen": "The address at which a worker answers those who watch it",
    "metrics_port": "The port at which the metrics are told to everybody who reaches it",
    "metrics_jobs": "Jobs of which each has metrics of its own",
    "notify": "Apprise addresses that are told what the rule for all jobs says",
    "public_url": "Under which address people open the site; links in messages lead there",
    "log_format": "How the server’s own log is written",
    "log_level": "What is written there at least",
    "trace_url": "The address of the trace of a run",
}
"""What each is for, in the order in which the settings page tells them."""


def load_settings(given: Mapping[str, Any], environ: Mapping[str, str] = os.environ, folder: Path = Path()) -> Settings:
    """All settings, `given` (the command line's) first; raises `CannotStart` that names each wrong one."""
    written, around = from_file(folder / FILE), from_environment(environ)
    asked = {k: v for k, v in given.items() if v not in (None, "", ())}
    try:
        settings = Settings(**{**written, **around, **asked})
    except ValidationError as error:
        wrong = explain(error)
        lines = [f"{PREFIX}{name.split('.')[0].upper()}: {text}" for name, text in wrong.items()]
        raise CannotStart("\n".join(lines)) from None
    for wrong_together in incomplete(settings):
        raise CannotStart(wrong_together)
    settings._origins = {
        **dict.fromkeys(written, FILE),
        **{name: variable_in(environ, name) for name in around},
        **dict.fromkeys(asked, "the command line"),
    }
    return settings


def incomplete(settings: Settings) -> Iterator[str]:
    """What some settings need of others."""
    if settings.oidc_issuer and not settings.oidc_client_id:
        yield "CRONAPP_OIDC_ISSUER needs CRONAPP_OIDC_CLIENT_ID: as what this site is known there."
    if settings.oidc_issuer and not (settings.oidc_roles or settings.oidc_default_role):
        yield (
            "CRONAPP_OIDC_ISSUER lets nobody in yet. Say which group has which role, as "
            'CRONAPP_OIDC_ROLES="cron-admins=admin, ops=operator", or set CRONAPP_OIDC_DEFAULT_ROLE.'
        )
    if settings.proxy_user_header and not settings.trusted_proxies:
        yield (
            "CRONAPP_PROXY_USER_HEADER needs CRONAPP_TRUSTED_PROXIES: the addresses of the proxies that are believed. "
            "Without them anybody could say who they are."
        )
    if settings.proxy_user_header and not (settings.proxy_roles or settings.proxy_default_role):
        yield (
            "CRONAPP_PROXY_USER_HEADER lets nobody in yet. Say which group has which role, as "
            'CRONAPP_PROXY_ROLES="cron-admins=admin, ops=operator", or set CRONAPP_PROXY_DEFAULT_ROLE.'
        )
    if settings.proxy_roles and not settings.proxy_groups_header:
        yield "CRONAPP_PROXY_ROLES needs CRONAPP_PROXY_GROUPS_HEADER: the header in which the proxy names the groups."


def variable_in(environ: Mapping[str, str], name: str) -> str:
    """The variable that says it; a file that another one names comes last, as it is read."""
    plain, file = variable_of(name), variable_of(f"{name}_file")
    found = [variable for variable in environ if variable in (plain, file) and environ[variable]]
    return found[-1] if found else plain


def from_file(path: Path) -> dict[str, Any]:
    try:
        values = tomllib.loads(path.read_text())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise CannotStart(f"{path.name} cannot be read: {error}") from None
    for name in values:
        if name not in Settings.model_fields:
            raise CannotStart(f"{path.name} sets {name!r}, which is no setting{meant(name, str.lower)}.")
    return values


def from_environment(environ: Mapping[str, str]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for variable, value in environ.items():
        if not variable.startswith(PREFIX) or variable.removeprefix(PREFIX) in ELSEWHERE:
            continue
        name = variable.removeprefix(PREFIX).lower()
        if name.endswith("_file") and name.removesuffix("_file") in Settings.model_fields:
            name = name.removesuffix("_file")
            try:
                value = Path(value).read_text().strip()
            except OSError as error:
                raise CannotStart(f"{variable} names a file that cannot be read: {error.strerror}.") from None
        if name in LATER:
            log.warning("%s is set, but this version does nothing with it yet", variable)
            continue
        if name not in Settings.model_fields:
            raise CannotStart(f"{variable} is no setting{meant(name)}. Remove it or correct its name.")
        if value:
            values[name] = value
    return values


def variable_of(name: str) -> str:
    return PREFIX + name.upper()


def meant(name: str, written: Callable[[str], str] = variable_of) -> str:
    """A near name as it is `written` there, for the hint."""
    near = difflib.get_close_matches(name.lower(), Settings.model_fields, n=1)
    return f"; did you mean {written(near[0])}" if near else ""


# -- what others set ------------------------------------------------------------------------------------------------

ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
PROTOCOLS = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")


def trace_exporters(environ: Mapping[str, str] = os.environ) -> tuple[str, ...]:
    """To whom spans are sent, by the variables of OpenTelemetry; empty: to nobody, unless one of these asks for it."""
    named = environ.get("OTEL_TRACES_EXPORTER", "otlp" if any(environ.get(name) for name in ENDPOINTS) else "")
    if environ.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return ()
    protocol = next((environ[name] for name in PROTOCOLS if environ.get(name)), "http")
    otlp = f"otlp_proto_{protocol.partition('/')[0]}"
    names = (name.strip() for name in named.split(","))
    return tuple(otlp if name == "otlp" else name for name in names if name not in ("", "none"))


# -- what is secret in the environment ------------------------------------------------------------------------------

SECRET_NAME = re.compile(
    r"(^|_)(PASS|PASSWD|PASSWORD|PASSPHRASE|TOKEN|SECRET|KEY|DSN|CREDENTIALS?|PWD)$|^PGPASSWORD$|APIKEY$", re.IGNORECASE
)
NO_SECRET = frozenset({"PWD", "OLDPWD"})  # folders


def secret_values(environ: Mapping[str, str] = os.environ) -> frozenset[str]:
    """The values of variables whose names say that they are secret, and the passwords in addresses. None of them shall
    be seen in what a run prints."""
    named = {value for name, value in environ.items() if SECRET_NAME.search(name) and name not in NO_SECRET}
    passwords = {found for value in environ.values() if "://" in value and (found := password_in(value))}
    return frozenset(named | passwords)


def known_secrets(settings: Settings, environ: Mapping[str, str] = os.environ) -> frozenset[str]:
    """The server's own secrets, wherever they were set, and those of the environment."""
    values = (getattr(settings, name) for name in Settings.model_fields)
    own = {value.get_secret_value() for value in values if isinstance(value, SecretStr)}
    own |= {*settings.secret_keys, password_in(settings.database)}
    own |= {*settings.notify_urls, *(password_in(url) for url in settings.notify_urls)}
    return secret_values(environ) | {value for value in own if value}


def password_in(address: str) -> str:
    """The password in an address as `postgresql://user:password@host/name`, or among its options; else empty."""
    try:
        parts = urlsplit(address)
        return unquote(parts.password or "") or parse_qs(parts.query).get("password", [""])[0]
    except ValueError:
        return ""


def wants_colours(stream: TextIO, environ: Mapping[str, str] = os.environ) -> bool:
    """Whether what is written there may have colours: somebody looks at a terminal, and NO_COLOR does not forbid it."""
    return stream.isatty() and not environ.get("NO_COLOR") and environ.get("TERM") != "dumb"


def named_value(name: str, environ: Mapping[str, str] = os.environ) -> str | None:
    """A variable, by the name under which a task asks for a secret."""
    return environ.get(name)
