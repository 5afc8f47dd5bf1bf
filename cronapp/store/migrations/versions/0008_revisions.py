"""What versions may work with the tables, and what of others stands beside them."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
side_by_side = True


def upgrade() -> None:
    op.create_table(
        "revisions",
        sa.Column("what", sa.Text, primary_key=True),
        sa.Column("value", sa.Text, nullable=False),
    )
