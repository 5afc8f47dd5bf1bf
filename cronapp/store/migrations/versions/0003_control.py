"""Groups, limits, pauses, dependencies, backfills, why a slot has no run, and the bytes of odd log lines."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

key = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
moment = sa.BigInteger()
is_queued = sa.text("state = 'queued'")


def upgrade() -> None:
    op.add_column("jobs", sa.Column("group", sa.Text))
    op.add_column("jobs", sa.Column("paused_at", moment))
    op.add_column("jobs", sa.Column("paused_by", sa.Text))
    op.add_column("jobs", sa.Column("paused_until", moment))
    op.add_column("jobs", sa.Column("failures", sa.Integer, nullable=False, server_default="0"))
    op.add_column("jobs", sa.Column("fits", sa.JSON))
    op.create_index("ix_jobs_paused_until", "jobs", ["paused_until"])
    op.add_column("runs", sa.Column("cause", sa.Text))
    op.add_column("runs", sa.Column("woken_by", key))
    op.add_column("runs", sa.Column("backfill", key))
    op.create_index(
        "ix_runs_queued",
        "runs",
        ["priority", "id", "job_key"],
        sqlite_where=is_queued,
        postgresql_where=is_queued,
    )
    op.create_index("ix_runs_queue_started", "runs", ["queue", "started_at"])
    op.create_index("ix_runs_backfill", "runs", ["backfill"])
    op.add_column("log_lines", sa.Column("raw", sa.LargeBinary))
    op.create_table(
        "dependencies",
        sa.Column("job_key", key, sa.ForeignKey("jobs.key", ondelete="CASCADE"), primary_key=True),
        sa.Column("upstream", sa.Text, primary_key=True, index=True),
        sa.Column("ended", key),
    )
    op.create_table(
        "limits",
        sa.Column("kind", sa.Text, primary_key=True),
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("max_running", sa.Integer),
        sa.Column("rate", sa.Integer),
        sa.Column("per", sa.Float),
    )
    op.create_table(
        "backfills",
        sa.Column("id", key, primary_key=True),
        sa.Column("job_key", key, nullable=False, index=True),
        sa.Column("since", moment, nullable=False),
        sa.Column("until", moment, nullable=False),
        sa.Column("max_running", sa.Integer, nullable=False),
        sa.Column("created_at", moment, nullable=False),
        sa.Column("by", sa.Text, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "scheduler",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("paused_at", moment),
        sa.Column("paused_by", sa.Text),
        sa.Column("paused_until", moment),
        sa.Column("reason", sa.Text),
        sa.Column("alive_at", moment),
        sa.Column("down_since", moment),
        sa.Column("down_until", moment),
    )
    op.execute("INSERT INTO scheduler (id) VALUES (1)")
    op.execute("UPDATE jobs SET paused_at = updated_at, paused_by = 'somebody' WHERE state = 'paused'")
    for cause, chosen in (
        ("blackout", "state = 'skipped' AND (reason LIKE 'Blacked out%' OR reason LIKE 'The calendar %')"),
        ("condition", "state = 'skipped' AND reason LIKE 'The condition %'"),
        ("pause", "state = 'skipped' AND reason = 'The job was paused.'"),
        ("down", "state = 'missed'"),
        ("overlap", "state = 'skipped' AND cause IS NULL"),
    ):
        op.execute(f"UPDATE runs SET cause = '{cause}' WHERE {chosen}")  # nosec B608 # words of ours
