"""Labels route runs to processes, lines of them take turns, and a person may empty any process."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
side_by_side = True

QUEUED = sa.text("state = 'queued'")
LATER = sa.text("state = 'queued' AND not_before IS NOT NULL")


def upgrade() -> None:
    op.add_column("runs", sa.Column("labels", sa.Text, nullable=False, server_default=sa.text("''")))
    op.add_column("nodes", sa.Column("labels", sa.JSON))
    op.add_column("nodes", sa.Column("drained_by", sa.Text))
    op.drop_index("ix_runs_queued", "runs")
    op.create_index(
        "ix_runs_lines",
        "runs",
        ["queue", "labels", sa.text("priority DESC"), "id", "job_key"],
        sqlite_where=QUEUED,
        postgresql_where=QUEUED,
    )
    op.create_index("ix_runs_later", "runs", ["not_before"], sqlite_where=LATER, postgresql_where=LATER)
    if op.get_bind().dialect.name == "postgresql":  # so that most moves of a run stay on its page, and write no index
        op.execute("ALTER TABLE runs SET (fillfactor = 80)")
