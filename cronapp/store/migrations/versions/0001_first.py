"""The first tables: jobs, runs, logs, sign-in."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

key = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
moment = sa.BigInteger()
is_open = sa.text("state IN ('queued', 'running')")


def upgrade() -> None:
    op.create_table(
        "jobs",
        sa.Column("key", key, primary_key=True),
        sa.Column("id", sa.Text, nullable=False, unique=True),
        sa.Column("task", sa.Text, nullable=False, index=True),
        sa.Column("spec", sa.JSON, nullable=False),
        sa.Column("max_running", sa.Integer, nullable=False),
        sa.Column("state", sa.Text, nullable=False, index=True),
        sa.Column("reason", sa.Text),
        sa.Column("origin", sa.Text, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("created_at", moment, nullable=False),
        sa.Column("updated_at", moment, nullable=False),
        sa.Column("last_slot", moment),
        sa.Column("next_slot", moment, index=True),
        sa.Column("slots_used", sa.Integer, nullable=False),
        sa.Column("code", sa.JSON),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "job_tags",
        sa.Column("tag", sa.Text, primary_key=True),
        sa.Column("job_key", key, sa.ForeignKey("jobs.key", ondelete="CASCADE"), primary_key=True, index=True),
    )
    op.create_table(
        "runs",
        sa.Column("id", key, primary_key=True),
        sa.Column("job_key", key, nullable=False),
        sa.Column("job", sa.Text, nullable=False),
        sa.Column("task", sa.Text, nullable=False),
        sa.Column("args", sa.JSON, nullable=False),
        sa.Column("slot", moment),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("trigger", sa.Text, nullable=False),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("first_attempt", key),
        sa.Column("reason", sa.Text),
        sa.Column("queue", sa.Text, nullable=False),
        sa.Column("priority", sa.Integer, nullable=False),
        sa.Column("queued_at", moment, nullable=False),
        sa.Column("not_before", moment),
        sa.Column("started_at", moment),
        sa.Column("finished_at", moment),
        sa.Column("duration", sa.Float),
        sa.Column("node", sa.Text),
        sa.Column("progress", sa.JSON),
        sa.Column("result", sa.JSON),
        sa.Column("error_type", sa.Text),
        sa.Column("error_message", sa.Text),
        sa.Column("error_traceback", sa.Text),
        sa.Column("last_seq", sa.Integer, nullable=False),
        sa.Column("missed", sa.Integer, nullable=False),
        sa.UniqueConstraint("job_key", "slot", "attempt", name="uq_runs_slot"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_runs_job", "runs", ["job_key", "id"])
    op.create_index("ix_runs_job_id", "runs", ["job", "id"])
    op.create_index("ix_runs_state", "runs", ["state", "id"])
    op.create_index("ix_runs_open", "runs", ["job_key", "state"], sqlite_where=is_open, postgresql_where=is_open)
    op.create_index("ix_runs_attempts", "runs", ["first_attempt"])
    op.create_index("ix_runs_finished", "runs", ["finished_at", "state"])
    op.create_table(
        "log_lines",
        sa.Column("run", key, sa.ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("seq", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("at", moment, nullable=False),
        sa.Column("stream", sa.Text, nullable=False),
        sa.Column("level", sa.Text),
        sa.Column("text", sa.Text, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "sign_in_links",
        sa.Column("hash", sa.Text, primary_key=True),
        sa.Column("expires_at", moment, nullable=False),
        sa.Column("used_at", moment),
    )
    op.create_table(
        "sessions",
        sa.Column("hash", sa.Text, primary_key=True),
        sa.Column("created_at", moment, nullable=False),
        sa.Column("seen_at", moment, nullable=False),
        sa.Column("expires_at", moment, nullable=False),
        sa.Column("user", sa.Text, nullable=False),
        sa.Column("role", sa.Text, nullable=False),
    )
    op.create_table(
        "idempotency_keys",
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("request", sa.Text, nullable=False),
        sa.Column("target", sa.Text, nullable=False),
        sa.Column("created_at", moment, nullable=False, index=True),
    )
