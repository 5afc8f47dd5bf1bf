"""The one table of what each address needs. One that is not in it is nobody's: the site does not start with it."""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass

from werkzeug.routing import Map

from cronapp.core.access import Right, Sight, asking

OPEN = frozenset(
    (
        *("static", "auth.login", "auth.sign_in", "auth.code", "auth.enter_code", "auth.new_link"),
        *("oidc.begin", "oidc.callback"),
        *("health.alive", "health.ready"),
    ),
)
"""For everybody, signed in or not."""

OWN_PAGES = """
    auth.sign_out settings.general settings.browser api.tokens.me
    account.index account.new account.create account.change_password account.end_session account.end_others
    account.factor account.begin_factor account.confirm_factor account.give_up_factor account.end_factor
    account.renew_codes
"""
OWN = frozenset(OWN_PAGES.split())
"""For everybody who is signed in: it concerns only them."""

LOOK = """
    overview.overview jobs.index job.runs job.configuration job.dependencies job.log ledger.slots upcoming.index
    history.index notes.index runs.index runs.detail runs.args_json runs.result_json runs.stack runs.filters
    log.piece log.as_json log.as_text log.whole_line log.search log_search.index
    failures.index failures.detail timeline.index load.index tasks.tasks tasks.task system.system
    search.search saved_views.filters settings.views stream.stream openapi.document openapi.page
    api.tasks.index api.tasks.show api.jobs.index api.jobs.show api.backfills.index api.history.index
    api.figures.figures api.notes.index api.notes.show api.slots.index api.upcoming.index api.limits.index
    api.load.show api.logs.search api.runs.index api.runs.show api.runs.comparison api.runs.log api.runs.stack
    api.failures.index api.failures.show api.schedule.told api.scheduler.show
    api.stats.stats api.workers.index api.events.stream
    alerts.deliveries api.alerts.deliveries api.alerts.delivery
"""

LOOK_EVERYWHERE = """
    api.restart.state api.restart.safe_restart metrics.show
"""

RUN = """
    start.run start.ask_args form_args.changed form_args.json_told
    pauses.ask_pause pauses.pause pauses.told pauses.ask_resume pauses.resume
    backfills.ask backfills.start backfills.preview backfills.cancel
    upcoming.add upcoming.remove_added upcoming.skip upcoming.undo_skip
    notes.add notes.ask_edit notes.edit notes.ask_remove notes.remove
    bulk.question bulk.carry_out bulk_runs.question bulk_runs.carry_out failures.ask_retry
    runs.ask_cancel runs.cancel runs.retry
    saved_views.ask_save saved_views.save saved_views.ask_remove saved_views.remove
    api.jobs.run api.jobs.pause api.jobs.resume api.backfills.open_backfill api.backfills.cancel
    api.upcoming.add api.upcoming.remove_added api.upcoming.skip api.upcoming.undo_skip
    api.notes.add api.notes.edit api.notes.remove api.bulk.carry_out api.bulk_runs.carry_out
    api.runs.cancel api.runs.retry api.runs.retry_alike
    alerts.retry api.alerts.retry
"""

EDIT = """
    job_form.new job_form.create job_form.edit job_form.save job_form.form_id job_form.form_preview
    job_form.form_tasks job_form.form_notify form_args.chosen trials.test
    jobs.ask_remove jobs.remove history.ask_restore history.restore repairs.fit repairs.repoint repairs.reset
    api.jobs.create api.jobs.replace api.jobs.change api.jobs.remove api.history.restore
    api.repairs.fit api.repairs.repoint api.repairs.reset api.tasks.test
    alerts.try_job api.alerts.try_job
"""

RUN_EVERYWHERE = """
    switch.ask_pause switch.pause switch.told switch.ask_resume switch.resume api.scheduler.pause api.scheduler.resume
"""

EDIT_EVERYWHERE = """
    limits.put limits.clear api.limits.put api.limits.clear load.ask load.apply
"""

ADMIN = """
    settings.audit settings.audit_csv settings.audit_lines api.audit.index
    people.index people.new people.add people.person people.change people.set_password people.end_factor
    people.sign_out people.ask_disable people.disable people.enable people.ask_remove people.remove
    people.end people.ask_end_others people.end_others
    api.users.index api.users.add api.users.show api.users.change api.users.remove api.users.set_password
    api.users.sign_out api.users.end_factor
    secrets.index secrets.ask_put secrets.put secrets.ask_remove secrets.remove
    api.secrets.index api.secrets.show api.secrets.put api.secrets.remove
    alerts.index alerts.ask_channel alerts.add_channel alerts.ask_change_channel alerts.change_channel
    alerts.ask_remove_channel alerts.remove_channel alerts.ask_secret alerts.renew_secret alerts.try_channel
    alerts.ask_rule alerts.add_rule alerts.ask_change_rule alerts.change_rule alerts.ask_remove_rule
    alerts.remove_rule alerts.try_rule
    api.alerts.channels api.alerts.add_channel api.alerts.channel api.alerts.change_channel
    api.alerts.remove_channel api.alerts.renew_secret api.alerts.try_channel
    api.alerts.rules api.alerts.add_rule api.alerts.rule api.alerts.change_rule api.alerts.remove_rule
    api.alerts.try_rule
    tokens.index tokens.ask_new tokens.create tokens.ask_rename tokens.rename tokens.ask_revoke tokens.revoke
    api.tokens.index api.tokens.create api.tokens.show api.tokens.rename api.tokens.revoke
    restart_pages.begin restart_pages.end api.restart.begin api.restart.end
    nodes.ask_drain nodes.drain nodes.resume api.workers.drain api.workers.resume
"""


@dataclass(frozen=True, slots=True)
class Need:
    """The right that an address needs; `everywhere`: for all jobs, whatever their tags."""

    right: Right
    everywhere: bool = False

    def met_by(self, sight: Sight) -> bool:
        return sight.may(self.right, everywhere=self.everywhere)


NEEDS: dict[str, Need] = {
    endpoint: need
    for need, endpoints in (
        (Need(Right.LOOK), LOOK),
        (Need(Right.LOOK, everywhere=True), LOOK_EVERYWHERE),
        (Need(Right.RUN), RUN),
        (Need(Right.EDIT), EDIT),
        (Need(Right.RUN, everywhere=True), RUN_EVERYWHERE),
        (Need(Right.EDIT, everywhere=True), EDIT_EVERYWHERE),
        (Need(Right.ADMIN, everywhere=True), ADMIN),
    )
    for endpoint in endpoints.split()
}


def forgotten(routes: Map) -> set[str]:
    """Endpoints that the table does not have, and those that it has but the site has not."""
    return {rule.endpoint for rule in routes.iter_rules()} ^ (OPEN | OWN | NEEDS.keys())


# -- what is drawn ----------------------------------------------------------------------------------------------------

looking: ContextVar[Sight | None] = ContextVar("looking", default=None)
"""For whom a page or a part of it is rendered at present; None: for nobody who is known."""


class May:
    """For templates: `{% if may.run %}` draws what one may press. The server asks again when it is pressed."""

    def __getattr__(self, name: str) -> bool:
        right, _, everywhere = name.partition("_")
        return self.have(Right(right), everywhere=everywhere == "everywhere")

    def have(self, right: Right, *, everywhere: bool = False) -> bool:
        sight = looking.get()
        return sight is not None and sight.may(right, everywhere=everywhere)

    def open(self, endpoint: str) -> bool:
        """Whether this address is theirs."""
        sight = looking.get()
        return sight is not None and (endpoint in OWN or (endpoint in NEEDS and NEEDS[endpoint].met_by(sight)))

    @property
    def role(self) -> str:
        """Their role; empty: nobody is known."""
        sight = looking.get()
        return sight.role if sight else ""

    @property
    def tags(self) -> list[str]:
        """The tags of the jobs that they are limited to; empty: they see all."""
        sight = looking.get()
        return sorted(sight.tags) if sight and sight.tags is not None else []

    @property
    def see_all(self) -> bool:
        """Whether they see all jobs, as nobody does who is limited to some tags."""
        return self.have(Right.LOOK, everywhere=True)

    def rewrite(self, author: str) -> bool:
        """Whether a note by this person is theirs to change. It depends on the name, which no shared fragment may."""
        return self.run and (self.admin or author == asking.get().name)


may = May()
