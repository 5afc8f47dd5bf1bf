"""The processes that share a database, and runs on their way to them."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"

key = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
moment = sa.BigInteger()
SENT = sa.text("state = 'queued' AND node IS NOT NULL")


def upgrade() -> None:
    op.create_table(
        "nodes",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("host", sa.Text, nullable=False),
        sa.Column("pid", sa.Integer, nullable=False),
        sa.Column("machine", sa.Text, nullable=False),
        sa.Column("version", sa.Text, nullable=False),
        sa.Column("queues", sa.JSON),
        sa.Column("concurrency", sa.Integer, nullable=False),
        sa.Column("started_at", moment, nullable=False),
        sa.Column("heartbeat", moment, nullable=False),
        sa.Column("clock_off", sa.Float, nullable=False),
        sa.Column("draining", moment),
        sa.Column("lacks", sa.JSON),
        sa.Column("late_at", moment),
    )
    op.add_column("runs", sa.Column("sent_at", moment))
    op.add_column("runs", sa.Column("stop_asked", sa.Text))
    op.create_index("ix_runs_sent", "runs", ["node"], sqlite_where=SENT, postgresql_where=SENT)
    op.create_table(
        "looks",
        sa.Column("run", key, sa.ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True, autoincrement=False),
        sa.Column("at", moment, nullable=False),
        sa.Column("run_in", sa.Text, nullable=False),
        sa.Column("stack", sa.Text, nullable=False),
        sa.Column("memory", sa.BigInteger),
        sa.Column("last_line_at", moment),
    )
