"""Channels, the rules of who is told what, and what was told."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

key = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
moment = sa.BigInteger()


def upgrade() -> None:
    op.create_table(
        "channels",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("url", sa.Text),
        sa.Column("shown", sa.Text, nullable=False),
        sa.Column("secret", sa.Text),
        sa.Column("quiet", sa.JSON),
        sa.Column("digest", sa.Float, nullable=False),
        sa.Column("most", sa.Integer),
        sa.Column("place", sa.Integer),
        sa.Column("at", moment, nullable=False),
        sa.Column("by", sa.Text, nullable=False),
    )
    op.create_table(
        "job_channels",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("job_key", key, sa.ForeignKey("jobs.key", ondelete="CASCADE"), primary_key=True, index=True),
    )
    op.create_table(
        "alert_rules",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("tag", sa.Text, nullable=False),
        sa.Column("rule", sa.JSON, nullable=False),
        sa.Column("settings", sa.JSON),
        sa.Column("at", moment, nullable=False),
        sa.Column("by", sa.Text, nullable=False),
    )
    put_the_usual_rule()
    op.create_table(
        "deliveries",
        sa.Column("id", key, primary_key=True),
        sa.Column("once", sa.Text, nullable=False, unique=True),
        sa.Column("at", moment, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("event", sa.Text, nullable=False),
        sa.Column("job_key", key),
        sa.Column("job", sa.Text),
        sa.Column("run", key),
        sa.Column("channel", sa.Text),
        sa.Column("url", sa.Text),
        sa.Column("target", sa.Text, nullable=False),
        sa.Column("shown", sa.Text, nullable=False),
        sa.Column("facts", sa.JSON, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("held", sa.Text),
        sa.Column("due", moment, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("message", sa.Text),
        sa.Column("claimed_at", moment),
        sa.Column("ended_at", moment),
        sa.Column("error", sa.Text),
        sqlite_autoincrement=True,
    )
    only("due", "waiting", "due", "target")
    only("waiting", "waiting", "target", "due")
    only("sending", "sending", "claimed_at")
    op.create_index("ix_deliveries_sent", "deliveries", ["target", "claimed_at"])
    for column in ("job_key", "channel", "state", "event"):
        op.create_index(f"ix_deliveries_{column.removesuffix('_key')}", "deliveries", [column, "id"])
    for column in ("message", "at"):
        op.create_index(f"ix_deliveries_{column}", "deliveries", [column])


def put_the_usual_rule() -> None:
    """One rule is for all jobs and always there. Until it names a channel it tells nobody."""
    text = [sa.column(name, sa.Text()) for name in ("id", "tag", "by")]
    rules = sa.table("alert_rules", *text, sa.column("rule", sa.JSON()), sa.column("at", moment))
    on = ["failure", "recovery", "missed", "paused", "needs_attention"]
    op.execute(rules.insert().values(id="default", tag="", rule={"on": on}, at=0, by="Cron-App"))


def only(name: str, state: str, *columns: str) -> None:
    """An index of those in one state alone."""
    where = sa.text(f"state = '{state}'")
    op.create_index(f"ix_deliveries_{name}", "deliveries", list(columns), sqlite_where=where, postgresql_where=where)
