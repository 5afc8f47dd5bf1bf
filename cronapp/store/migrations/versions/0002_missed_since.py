"""The oldest slot of a record that stands for several."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.add_column("runs", sa.Column("missed_since", sa.BigInteger))
