"""People, tokens, failed attempts to sign in, the audit of every change, secrets."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

key = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
moment = sa.BigInteger()


def upgrade() -> None:
    op.create_table(
        "users",
        sa.Column("id", key, primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("folded", sa.Text, nullable=False, unique=True),
        sa.Column("password", sa.Text),
        sa.Column("role", sa.Text, nullable=False),
        sa.Column("tags", sa.JSON),
        sa.Column("subject", sa.Text, unique=True),
        sa.Column("created_at", moment, nullable=False),
        sa.Column("by", sa.Text, nullable=False),
        sa.Column("changed_at", moment),
        sa.Column("disabled_at", moment),
        sa.Column("seen_at", moment),
        sa.Column("totp", sa.Text),
        sa.Column("totp_step", sa.BigInteger),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "recovery_codes",
        sa.Column("user_id", key, sa.ForeignKey("users.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("hash", sa.Text, primary_key=True),
    )
    op.create_table(
        "half_sign_ins",
        sa.Column("hash", sa.Text, primary_key=True),
        sa.Column("user_id", key, sa.ForeignKey("users.id", ondelete="CASCADE"), nullable=False, index=True),
        sa.Column("expires_at", moment, nullable=False),
    )
    with op.batch_alter_table("sessions") as sessions:
        sessions.add_column(sa.Column("user_id", key))
        sessions.add_column(sa.Column("address", sa.Text))
        sessions.add_column(sa.Column("way", sa.Text))
        sessions.create_foreign_key("fk_sessions_user_id", "users", ["user_id"], ["id"], ondelete="CASCADE")
        sessions.create_index("ix_sessions_user_id", ["user_id"])
    op.add_column("runs", sa.Column("tried_by", sa.Text))
    op.create_table(
        "tokens",
        sa.Column("id", key, primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("hash", sa.Text, nullable=False, unique=True),
        sa.Column("start", sa.Text, nullable=False),
        sa.Column("role", sa.Text, nullable=False),
        sa.Column("tags", sa.JSON),
        sa.Column("created_at", moment, nullable=False),
        sa.Column("by", sa.Text, nullable=False),
        sa.Column("expires_at", moment),
        sa.Column("used_at", moment),
        sa.Column("revoked_at", moment),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "attempts",
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("count", sa.Integer, nullable=False),
        sa.Column("at", moment, nullable=False, index=True),
    )
    op.create_table(
        "audit",
        sa.Column("id", key, primary_key=True),
        sa.Column("at", moment, nullable=False, index=True),
        sa.Column("by", sa.Text, nullable=False),
        sa.Column("address", sa.Text),
        sa.Column("action", sa.Text, nullable=False),
        sa.Column("target", sa.Text),
        sa.Column("before", sa.JSON),
        sa.Column("after", sa.JSON),
        sa.Column("reason", sa.Text),
        sqlite_autoincrement=True,
    )
    for column in ("by", "action", "target"):
        op.create_index(f"ix_audit_{column}", "audit", [column, "id"])
    refuse_changes()
    op.create_table(
        "secrets",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("value", sa.Text, nullable=False),
        sa.Column("at", moment, nullable=False),
        sa.Column("by", sa.Text, nullable=False),
    )
    op.create_table(
        "job_secrets",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("job_key", key, sa.ForeignKey("jobs.key", ondelete="CASCADE"), primary_key=True, index=True),
    )
    op.create_table("sealings", sa.Column("what", sa.Text, primary_key=True))


def refuse_changes() -> None:
    """A row of the audit can be added, and pruned when it is old; never changed."""
    refusal = "what is in the audit is never changed"
    if op.get_bind().dialect.name == "sqlite":
        op.execute(f"CREATE TRIGGER audit_stays BEFORE UPDATE ON audit BEGIN SELECT RAISE(ABORT, '{refusal}'); END")
        return
    body = f"BEGIN RAISE EXCEPTION '{refusal}'; END"
    op.execute(f"CREATE FUNCTION audit_stays() RETURNS trigger LANGUAGE plpgsql AS $$ {body} $$")
    op.execute("CREATE TRIGGER audit_stays BEFORE UPDATE ON audit FOR EACH ROW EXECUTE FUNCTION audit_stays()")
