"""The tables. A change here needs a migration in `migrations/versions`; a test compares the two."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    ColumnElement,
    Dialect,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
    bindparam,
    text,
)

from cronapp.core.addressing import urls_from_stored, urls_to_stored
from cronapp.core.hidden import from_stored, to_stored

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


class Moment(TypeDecorator[datetime]):
    """An instant as whole microseconds since 1970, so that both databases compare, index and keep it alike."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:
        return None if value is None else (value - EPOCH) // MICROSECOND

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        return None if value is None else EPOCH + timedelta(microseconds=value)


class Args(TypeDecorator[Any]):
    """Arguments, of which some may be encrypted (`core.hidden`)."""

    impl = JSON
    cache_ok = True

    def coerce_compared_value(self, op: Any, value: Any) -> Any:
        return self.impl_instance.coerce_compared_value(op, value)

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:
        return None if value is None else to_stored(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> Any:
        return None if value is None else from_stored(value)


class Spec(Args):
    """A job as JSON, with its arguments and with the addresses that are told of it."""

    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:
        return changed(changed(value, "args", to_stored), "notify", urls_to_stored)

    def process_result_value(self, value: Any, dialect: Dialect) -> Any:
        return changed(changed(value, "args", from_stored), "notify", urls_from_stored)


def changed(value: Any, name: str, change: Callable[[Any], Any]) -> Any:
    return {**value, name: change(value[name])} if isinstance(value, dict) and value.get(name) else value


Key = BigInteger().with_variant(Integer, "sqlite")  # only an INTEGER key counts by itself in SQLite
Doc = JSON(none_as_null=True)
metadata = MetaData()

FAILING = text("failures > 0")

jobs = Table(
    "jobs",
    metadata,
    Column("key", Key, primary_key=True),
    Column("id", Text, nullable=False, unique=True),
    Column("task", Text, nullable=False, index=True),
    Column("spec", Spec(none_as_null=True), nullable=False),
    Column("max_running", Integer, nullable=False),  # also in spec; here for the claim's WHERE
    Column("state", Text, nullable=False, index=True),
    Column("reason", Text),
    Column("origin", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("updated_at", Moment, nullable=False),
    Column("last_slot", Moment),
    Column("next_slot", Moment, index=True),
    Column("slots_used", Integer, nullable=False),
    Column("code", Spec(none_as_null=True)),
    Column("group", Text),  # also in spec; here for the claim
    Column("paused_at", Moment),
    Column("paused_by", Text),
    Column("paused_until", Moment, index=True),
    Column("failures", Integer, nullable=False, server_default="0"),
    Column("fits", Doc),
    Index("ix_jobs_failures", "failures", sqlite_where=FAILING, postgresql_where=FAILING),
    sqlite_autoincrement=True,
)

dependencies = Table(
    "dependencies",
    metadata,
    Column("job_key", Key, ForeignKey("jobs.key", ondelete="CASCADE"), primary_key=True),
    Column("upstream", Text, primary_key=True, index=True),  # by its id: it may be removed and made anew
    Column("ended", Key),  # the run that ended as the job waits for, since the job's own last run
)

limits = Table(
    "limits",
    metadata,
    Column("kind", Text, primary_key=True),  # group, queue
    Column("name", Text, primary_key=True),
    Column("max_running", Integer),  # null: no limit
    Column("rate", Integer),  # so many starts
    Column("per", Float),  # within so many seconds
)

backfills = Table(
    "backfills",
    metadata,
    Column("id", Key, primary_key=True),
    Column("job_key", Key, nullable=False, index=True),
    Column("since", Moment, nullable=False),
    Column("until", Moment, nullable=False),
    Column("max_running", Integer, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("by", Text, nullable=False),
    sqlite_autoincrement=True,
)

scheduler = Table(
    "scheduler",  # one row: the master switch, and when somebody was there
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("paused_at", Moment),  # null: it runs
    Column("paused_by", Text),
    Column("paused_until", Moment),
    Column("reason", Text),
    Column("alive_at", Moment),  # the last sign of life
    Column("down_since", Moment),  # the last time that nobody was there
    Column("down_until", Moment),
)

job_changes = Table(
    "job_changes",
    metadata,
    Column("id", Key, primary_key=True),
    Column("job_key", Key, nullable=False),  # no foreign key: it tells of removed jobs too
    Column("job", Text, nullable=False),
    Column("version", Integer, nullable=False),  # of the job, after the change
    Column("kind", Text, nullable=False),
    Column("at", Moment, nullable=False),
    Column("by", Text, nullable=False),
    Column("reason", Text),
    Column("spec", Spec(none_as_null=True)),  # after the change; null: it stayed as it was
    Index("ix_job_changes_job", "job_key", "id"),
    Index("ix_job_changes_id", "job", "id"),
    Index("ix_job_changes_by", "by", "id"),
    Index("ix_job_changes_at", "at"),
    sqlite_autoincrement=True,
)

job_notes = Table(
    "job_notes",
    metadata,
    Column("id", Key, primary_key=True),
    Column("job_key", Key, ForeignKey("jobs.key", ondelete="CASCADE"), nullable=False, index=True),
    Column("at", Moment, nullable=False),
    Column("by", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("edits", Integer, nullable=False, server_default="0"),
    Column("edited_at", Moment),
    Column("edited_by", Text),
    sqlite_autoincrement=True,
)

slot_changes = Table(
    "slot_changes",
    metadata,
    Column("job_key", Key, ForeignKey("jobs.key", ondelete="CASCADE"), primary_key=True),
    Column("slot", Moment, primary_key=True),
    Column("kind", Text, nullable=False),  # skip, extra
    Column("at", Moment, nullable=False),
    Column("by", Text, nullable=False),
)

sources = Table(
    "sources",
    metadata,
    Column("hash", Text, primary_key=True),
    Column("text", Text, nullable=False),
    Column("at", Moment, nullable=False),
)

environments = Table(
    "environments",
    metadata,
    Column("hash", Text, primary_key=True),
    Column("packages", Doc, nullable=False),  # name to version, Python among them
    Column("at", Moment, nullable=False),
)

saved_views = Table(
    "saved_views",
    metadata,
    Column("page", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("query", Text, nullable=False),  # of the address
    Column("at", Moment, nullable=False),
    Column("by", Text, nullable=False),
)

job_tags = Table(
    "job_tags",
    metadata,
    Column("tag", Text, primary_key=True),
    Column("job_key", Key, ForeignKey("jobs.key", ondelete="CASCADE"), primary_key=True, index=True),
)

OPEN = text("state IN ('queued', 'running')")
QUEUED = text("state = 'queued'")
SENT = text("state = 'queued' AND node IS NOT NULL")
LATER = text("state = 'queued' AND not_before IS NOT NULL")
SUCCEEDED = text("state = 'succeeded'")
ENDED = text("finished_at IS NOT NULL")
WRONG = text("error_group IS NOT NULL")

runs = Table(
    "runs",
    metadata,
    Column("id", Key, primary_key=True),
    Column("job_key", Key, nullable=False),  # no foreign key: history outlives its job until it is pruned
    Column("job", Text, nullable=False),
    Column("task", Text, nullable=False),
    Column("args", Args(none_as_null=True), nullable=False),
    Column("slot", Moment),
    Column("state", Text, nullable=False),
    Column("trigger", Text, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("first_attempt", Key),  # null: this is attempt 1
    Column("reason", Text),
    Column("queue", Text, nullable=False),
    Column("labels", Text, nullable=False, server_default=text("''")),  # what it asks for, with blanks between them
    Column("priority", Integer, nullable=False),
    Column("queued_at", Moment, nullable=False),
    Column("not_before", Moment),
    Column("started_at", Moment),
    Column("finished_at", Moment),
    Column("duration", Float),
    Column("node", Text),  # that executes it; of one that waits, the node that it is on its way to
    Column("sent_at", Moment),  # when it was given to that node, by the database's clock
    Column("stop_asked", Text),  # why it should stop, while it runs
    Column("progress", Doc),
    Column("result", Doc),
    Column("error_type", Text),
    Column("error_message", Text),
    Column("error_traceback", Text),
    Column("error_frames", Doc),  # of the exception and of all that it came from
    Column("error_group", Text),  # failures with the same exception out of the same place have the same
    Column("error_frame", Text),  # that place: the innermost frame of the user's own code
    Column("source", Text),  # the hash of the function's source
    Column("environment", Text),  # the hash of Python and the packages
    Column("last_seq", Integer, nullable=False),
    Column("missed", Integer, nullable=False),
    Column("missed_since", Moment),
    Column("cause", Text),
    Column("woken_by", Key),
    Column("backfill", Key),
    Column("timeout", Float),  # of a run without a job
    Column("tried_by", Text),  # who began a run without a job
    Column("trace_id", Text),  # of its span, where there is one
    UniqueConstraint("job_key", "slot", "attempt", name="uq_runs_slot"),
    Index("ix_runs_job", "job_key", "id"),
    Index("ix_runs_job_id", "job", "id"),
    Index(  # with the state, though all have the same: SQLite would look for it in the rows
        "ix_runs_succeeded",
        *("job_key", "id", "state", "duration"),
        sqlite_where=SUCCEEDED,
        postgresql_where=SUCCEEDED,
    ),
    Index("ix_runs_state", "state", "id"),
    Index("ix_runs_open", "job_key", "state", sqlite_where=OPEN, postgresql_where=OPEN),
    Index("ix_runs_attempts", "first_attempt"),
    Index("ix_runs_finished", "finished_at", "state"),
    Index("ix_runs_sent", "node", sqlite_where=SENT, postgresql_where=SENT),
    Index("ix_runs_later", "not_before", sqlite_where=LATER, postgresql_where=LATER),
    Index("ix_runs_queue_started", "queue", "started_at"),
    Index("ix_runs_backfill", "backfill"),
    Index("ix_runs_error_group", "error_group", "id", sqlite_where=WRONG, postgresql_where=WRONG),
    Index(  # all that the groups of errors count; runs that go well cost nothing here
        "ix_runs_wrong",
        *("finished_at", "error_group", "job_key", "id"),
        sqlite_where=WRONG,
        postgresql_where=WRONG,
    ),
    Index(  # all that the timeline counts, so that it need not read the rows
        "ix_runs_timeline",
        *("job_key", "finished_at", "state", "started_at", "slot"),
        sqlite_where=ENDED,
        postgresql_where=ENDED,
    ),
    postgresql_with={"fillfactor": 80},
    sqlite_autoincrement=True,
)

Index(  # each line of those that wait for the same, the most urgent first
    "ix_runs_lines",
    *(runs.c.queue, runs.c.labels, runs.c.priority.desc(), runs.c.id, runs.c.job_key),
    sqlite_where=QUEUED,
    postgresql_where=QUEUED,
)


def in_state(state: str) -> ColumnElement[bool]:
    """Runs of a state, which is written out in the statement: else the indexes that have only such runs are of no use
    to SQLite, nor to PostgreSQL once it has planned for any value."""
    return runs.c.state == bindparam(None, state, literal_execute=True)


nodes = Table(
    "nodes",  # the processes that live
    metadata,
    Column("name", Text, primary_key=True),
    Column("kind", Text, nullable=False),  # server, worker
    Column("host", Text, nullable=False),
    Column("pid", Integer, nullable=False),
    Column("machine", Text, nullable=False),  # where its process number counts
    Column("version", Text, nullable=False),
    Column("queues", Doc),  # null: every queue
    Column("concurrency", Integer, nullable=False),
    Column("started_at", Moment, nullable=False),
    Column("heartbeat", Moment, nullable=False),  # by the database's clock
    Column("clock_off", Float, nullable=False),  # seconds that its clock is ahead of the database's
    Column("draining", Moment),  # since when it is given no more runs
    Column("lacks", Doc),  # tasks that it was given and does not have
    Column("late_at", Moment),  # when it last left alone a run that it was given
    Column("labels", Doc),  # what it has that jobs may ask for
    Column("drained_by", Text),  # null: it is given none by itself, as it comes or leaves
)

looks = Table(
    "looks",  # into runs that others execute, the newest of each
    metadata,
    Column("run", Key, ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    Column("at", Moment, nullable=False),
    Column("run_in", Text, nullable=False),
    Column("stack", Text, nullable=False),
    Column("memory", BigInteger),
    Column("last_line_at", Moment),
)

log_lines = Table(
    "log_lines",
    metadata,
    Column("run", Key, ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True),
    Column("seq", Integer, primary_key=True, autoincrement=False),
    Column("at", Moment, nullable=False),
    Column("stream", Text, nullable=False),
    Column("level", Text),
    Column("text", Text, nullable=False),
    Column("raw", LargeBinary),
    sqlite_with_rowid=False,
)

sign_in_links = Table(
    "sign_in_links",
    metadata,
    Column("hash", Text, primary_key=True),
    Column("expires_at", Moment, nullable=False),
    Column("used_at", Moment),
)

users = Table(
    "users",
    metadata,
    Column("id", Key, primary_key=True),
    Column("name", Text, nullable=False),
    Column("folded", Text, nullable=False, unique=True),  # the name as it is compared
    Column("password", Text),  # its slow hash; null: they sign in elsewhere
    Column("role", Text, nullable=False),
    Column("tags", Doc),  # null: all jobs
    Column("subject", Text, unique=True),  # who they are where they sign in elsewhere
    Column("created_at", Moment, nullable=False),
    Column("by", Text, nullable=False),
    Column("changed_at", Moment),  # the password
    Column("disabled_at", Moment),
    Column("seen_at", Moment),
    Column("totp", Text),  # the secret of the second factor, encrypted; null: they have none
    Column("totp_step", BigInteger),  # of the newest code, good for nothing any more; null: none was told yet
    sqlite_autoincrement=True,
)

recovery_codes = Table(
    "recovery_codes",  # that are left, of those who have a second factor
    metadata,
    Column("user_id", Key, ForeignKey("users.id", ondelete="CASCADE"), primary_key=True),
    Column("hash", Text, primary_key=True),
)

half_sign_ins = Table(
    "half_sign_ins",  # of who gave a good password, and no code yet
    metadata,
    Column("hash", Text, primary_key=True),
    Column("user_id", Key, ForeignKey("users.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("expires_at", Moment, nullable=False),
)

sessions = Table(
    "sessions",
    metadata,
    Column("hash", Text, primary_key=True),
    Column("created_at", Moment, nullable=False),
    Column("seen_at", Moment, nullable=False),
    Column("expires_at", Moment, nullable=False),
    Column("user", Text, nullable=False),
    Column("role", Text, nullable=False),  # of who signed in without an account; else the account's role holds
    Column("agent", Text),  # the browser, as it names itself
    Column("user_id", Key, ForeignKey("users.id", ondelete="CASCADE"), index=True),
    Column("address", Text),
    Column("way", Text),  # how they signed in; null: before this was written down
)

tokens = Table(
    "tokens",
    metadata,
    Column("id", Key, primary_key=True),
    Column("name", Text, nullable=False),
    Column("hash", Text, nullable=False, unique=True),
    Column("start", Text, nullable=False),  # its first letters, by which people know it
    Column("role", Text, nullable=False),
    Column("tags", Doc),  # null: all jobs
    Column("created_at", Moment, nullable=False),
    Column("by", Text, nullable=False),
    Column("expires_at", Moment),
    Column("used_at", Moment),
    Column("revoked_at", Moment),
    sqlite_autoincrement=True,
)

attempts = Table(
    "attempts",  # to sign in, that failed
    metadata,
    Column("key", Text, primary_key=True),  # a name, or an address
    Column("count", Integer, nullable=False),
    Column("at", Moment, nullable=False, index=True),  # the newest
)

audit = Table(
    "audit",
    metadata,
    Column("id", Key, primary_key=True),
    Column("at", Moment, nullable=False, index=True),
    Column("by", Text, nullable=False),
    Column("address", Text),  # from where; null: from within the server
    Column("action", Text, nullable=False),
    Column("target", Text),  # what it was done to, by its id
    Column("before", Doc),
    Column("after", Doc),
    Column("reason", Text),
    Index("ix_audit_by", "by", "id"),
    Index("ix_audit_action", "action", "id"),
    Index("ix_audit_target", "target", "id"),
    sqlite_autoincrement=True,
)

secrets = Table(
    "secrets",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", Text, nullable=False),  # encrypted
    Column("at", Moment, nullable=False),
    Column("by", Text, nullable=False),
)

job_secrets = Table(
    "job_secrets",  # which stored secrets a job's arguments name
    metadata,
    Column("name", Text, primary_key=True),  # by name: it may be removed and stored anew
    Column("job_key", Key, ForeignKey("jobs.key", ondelete="CASCADE"), primary_key=True, index=True),
)

sealings = Table(
    "sealings",  # what older rows were looked through for, to be encrypted
    metadata,
    Column("what", Text, primary_key=True),
)

channels = Table(
    "channels",
    metadata,
    Column("name", Text, primary_key=True),
    Column("kind", Text, nullable=False),  # apprise, hook
    Column("url", Text),  # encrypted; null: the settings have it
    Column("shown", Text, nullable=False),  # the same, masked
    Column("secret", Text),  # encrypted; what the messages of a hook are signed with
    Column("quiet", Doc),
    Column("digest", Float, nullable=False),  # seconds
    Column("most", Integer),  # messages an hour; null: the usual
    Column("place", Integer),  # of its address among those of the settings; null: people made it
    Column("at", Moment, nullable=False),
    Column("by", Text, nullable=False),
)

job_channels = Table(
    "job_channels",  # which channels a job's own rules name
    metadata,
    Column("name", Text, primary_key=True),  # by name: it may be removed and made anew
    Column("job_key", Key, ForeignKey("jobs.key", ondelete="CASCADE"), primary_key=True, index=True),
)

alert_rules = Table(
    "alert_rules",
    metadata,
    Column("id", Text, primary_key=True),  # "default" is always there
    Column("tag", Text, nullable=False),  # of the jobs that it is for; empty: all
    Column("rule", Doc, nullable=False),
    Column("settings", Doc),  # the channels that the settings add to it
    Column("at", Moment, nullable=False),
    Column("by", Text, nullable=False),
)

WAITING = text("state = 'waiting'")
SENDING = text("state = 'sending'")

deliveries = Table(
    "deliveries",
    metadata,
    Column("id", Key, primary_key=True),
    Column("once", Text, nullable=False, unique=True),  # what is told to whom: it is told once
    Column("at", Moment, nullable=False),
    Column("kind", Text, nullable=False),  # apprise, hook, ping
    Column("event", Text, nullable=False),
    Column("job_key", Key),  # no foreign key: it tells of removed jobs too
    Column("job", Text),
    Column("run", Key),
    Column("channel", Text),  # null: an address of the job's own
    Column("url", Text),  # encrypted, where there is no channel
    Column("target", Text, nullable=False),  # what is sent one after the other
    Column("shown", Text, nullable=False),  # to whom, for people
    Column("facts", Doc, nullable=False),
    Column("state", Text, nullable=False),
    Column("held", Text),  # why it waited longer than it needed to
    Column("due", Moment, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("message", Text),  # what was sent together has the same
    Column("claimed_at", Moment),
    Column("ended_at", Moment),
    Column("error", Text),
    Index("ix_deliveries_due", "due", "target", sqlite_where=WAITING, postgresql_where=WAITING),
    Index("ix_deliveries_waiting", "target", "due", sqlite_where=WAITING, postgresql_where=WAITING),
    Index("ix_deliveries_sending", "claimed_at", sqlite_where=SENDING, postgresql_where=SENDING),
    Index("ix_deliveries_sent", "target", "claimed_at"),
    Index("ix_deliveries_job", "job_key", "id"),
    Index("ix_deliveries_channel", "channel", "id"),
    Index("ix_deliveries_state", "state", "id"),
    Index("ix_deliveries_event", "event", "id"),
    Index("ix_deliveries_message", "message"),
    Index("ix_deliveries_at", "at"),
    sqlite_autoincrement=True,
)

idempotency_keys = Table(
    "idempotency_keys",
    metadata,
    Column("key", Text, primary_key=True),
    Column("request", Text, nullable=False),
    Column("target", Text, nullable=False),  # the id of the job or run it made
    Column("created_at", Moment, nullable=False, index=True),
)

revisions = Table(
    "revisions",  # of the database itself
    metadata,
    Column("what", Text, primary_key=True),  # program: the oldest that may work here; procrastinate: its last migration
    Column("value", Text, nullable=False),
)
