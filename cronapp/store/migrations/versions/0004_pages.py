"""The history of a job, its notes, single slots skipped or added, where runs fail and with what code, trials of a form,
saved views."""

import hashlib

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

key = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
moment = sa.BigInteger()


def upgrade() -> None:
    for name in ("error_group", "error_frame", "source", "environment", "trace_id"):
        op.add_column("runs", sa.Column(name, sa.Text))
    op.add_column("runs", sa.Column("error_frames", sa.JSON))
    succeeded = sa.text("state = 'succeeded'")
    columns = ["job_key", "id", "state", "duration"]
    op.create_index("ix_runs_succeeded", "runs", columns, sqlite_where=succeeded, postgresql_where=succeeded)
    op.add_column("runs", sa.Column("timeout", sa.Float))
    wrong = sa.text("error_group IS NOT NULL")
    op.create_index("ix_runs_error_group", "runs", ["error_group", "id"], sqlite_where=wrong, postgresql_where=wrong)
    columns = ["finished_at", "error_group", "job_key", "id"]
    op.create_index("ix_runs_wrong", "runs", columns, sqlite_where=wrong, postgresql_where=wrong)
    group_what_failed()
    ended = sa.text("finished_at IS NOT NULL")
    columns = ["job_key", "finished_at", "state", "started_at", "slot"]
    op.create_index("ix_runs_timeline", "runs", columns, sqlite_where=ended, postgresql_where=ended)
    failing = sa.text("failures > 0")
    op.create_index("ix_jobs_failures", "jobs", ["failures"], sqlite_where=failing, postgresql_where=failing)
    op.create_table(
        "job_changes",
        sa.Column("id", key, primary_key=True),
        sa.Column("job_key", key, nullable=False),
        sa.Column("job", sa.Text, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("at", moment, nullable=False),
        sa.Column("by", sa.Text, nullable=False),
        sa.Column("reason", sa.Text),
        sa.Column("spec", sa.JSON),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_job_changes_job", "job_changes", ["job_key", "id"])
    op.create_index("ix_job_changes_id", "job_changes", ["job", "id"])
    op.create_index("ix_job_changes_by", "job_changes", ["by", "id"])
    op.create_index("ix_job_changes_at", "job_changes", ["at"])
    op.add_column("sessions", sa.Column("agent", sa.Text))
    op.create_table(
        "job_notes",
        sa.Column("id", key, primary_key=True),
        sa.Column("job_key", key, sa.ForeignKey("jobs.key", ondelete="CASCADE"), nullable=False, index=True),
        sa.Column("at", moment, nullable=False),
        sa.Column("by", sa.Text, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("edits", sa.Integer, nullable=False, server_default="0"),
        sa.Column("edited_at", moment),
        sa.Column("edited_by", sa.Text),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "slot_changes",
        sa.Column("job_key", key, sa.ForeignKey("jobs.key", ondelete="CASCADE"), primary_key=True),
        sa.Column("slot", moment, primary_key=True),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("at", moment, nullable=False),
        sa.Column("by", sa.Text, nullable=False),
    )
    op.create_table(
        "sources",
        sa.Column("hash", sa.Text, primary_key=True),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("at", moment, nullable=False),
    )
    op.create_table(
        "environments",
        sa.Column("hash", sa.Text, primary_key=True),
        sa.Column("packages", sa.JSON, nullable=False),
        sa.Column("at", moment, nullable=False),
    )
    op.create_table(
        "saved_views",
        sa.Column("page", sa.Text, primary_key=True),
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("query", sa.Text, nullable=False),
        sa.Column("at", moment, nullable=False),
        sa.Column("by", sa.Text, nullable=False),
    )


def group_what_failed() -> None:
    """What failed before frames were kept is grouped by its exception and its task."""
    runs = sa.table("runs", *(sa.column(name) for name in ("state", "task", "error_type", "error_group")))
    op.execute(runs.update().where(runs.c.state.in_(("timed_out", "lost"))).values(error_group=runs.c.state))
    failed = runs.c.state == "failed"
    for kind, task in op.get_bind().execute(sa.select(runs.c.error_type, runs.c.task).where(failed).distinct()).all():
        alike = sa.and_(failed, runs.c.task == task, runs.c.error_type.is_not_distinct_from(kind))
        group = "failed" if kind is None else hashlib.sha256(f"{kind}\0{task}".encode()).hexdigest()[:16]
        op.execute(runs.update().where(alike).values(error_group=group))
