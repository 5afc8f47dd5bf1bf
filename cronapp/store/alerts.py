"""The rules for all jobs, and for those with a tag."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, RowMapping, delete, insert, select, update

from cronapp.core.alerts import DEFAULT, GeneralRule
from cronapp.core.models import Notify
from cronapp.core.spec import rule_from_json, rule_to_json
from cronapp.store.store import Tx
from cronapp.store.tables import alert_rules

ALL = select(alert_rules).order_by(alert_rules.c.tag, alert_rules.c.at, alert_rules.c.id)


def rule_of(row: RowMapping) -> GeneralRule:
    return GeneralRule(
        id=row["id"],
        tag=row["tag"],
        rule=rule_from_json(row["rule"]),
        settings=tuple(row["settings"] or ()),
        at=row["at"],
        by=row["by"],
    )


def listed(conn: Connection) -> list[GeneralRule]:
    """All of them; the one for all jobs first."""
    return [rule_of(row) for row in conn.execute(ALL).mappings()]


def get(conn: Connection, rule_id: str) -> GeneralRule | None:
    row = conn.execute(select(alert_rules).where(alert_rules.c.id == rule_id)).mappings().first()
    return rule_of(row) if row else None


def add(tx: Tx, rule_id: str, tag: str, rule: Notify, at: datetime) -> None:
    values = {"id": rule_id, "tag": tag, "rule": rule_to_json(rule), "at": at, "by": tx.by.name}
    tx.conn.execute(insert(alert_rules).values(**values))


def change(tx: Tx, rule_id: str, tag: str, rule: Notify, at: datetime) -> bool:
    values = {"tag": tag, "rule": rule_to_json(rule), "at": at, "by": tx.by.name}
    return tx.conn.execute(update(alert_rules).where(alert_rules.c.id == rule_id).values(**values)).rowcount == 1


def remove(tx: Tx, rule_id: str) -> bool:
    mine = (alert_rules.c.id == rule_id, alert_rules.c.id != DEFAULT)
    return tx.conn.execute(delete(alert_rules).where(*mine)).rowcount == 1


def settle_settings(tx: Tx, names: Sequence[str]) -> None:
    """The channels that the settings add to the rule for all jobs."""
    tx.conn.execute(update(alert_rules).where(alert_rules.c.id == DEFAULT).values(settings=list(names) or None))
