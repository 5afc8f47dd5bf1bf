"""Pages, fragments, the stream and the REST API: HTTP in, services asked, HTML or JSON out."""

from __future__ import annotations

from werkzeug.exceptions import HTTPException

from cronapp.core.errors import CronAppError
from cronapp.web import (
    account,
    alerts,
    auth,
    backfills,
    bulk,
    bulk_runs,
    compress,
    errors,
    failures,
    form_args,
    form_token,
    health,
    history,
    job,
    job_form,
    jobs,
    ledger,
    limits,
    load,
    log,
    log_search,
    login,
    metrics,
    nodes,
    notes,
    numbers,
    oidc,
    openapi,
    overview,
    pauses,
    people,
    repairs,
    restart,
    runs,
    saved_views,
    search,
    secrets,
    security,
    settings,
    start,
    stream,
    switch,
    system,
    tasks,
    timeline,
    tokens,
    trials,
    upcoming,
)
from cronapp.web.api import api
from cronapp.web.permissions import forgotten
from cronapp.web.render import prepare
from cronapp.web.site import Parts, Site

PAGES = (
    overview,
    jobs,
    job,
    start,
    bulk,
    saved_views,
    job_form,
    trials,
    form_args,
    pauses,
    upcoming,
    history,
    notes,
    ledger,
    backfills,
    limits,
    repairs,
    runs,
    bulk_runs,
    failures,
    log,
    log_search,
    timeline,
    load,
    tasks,
    system,
    settings,
    people,
    account,
    secrets,
    alerts,
    tokens,
    restart,
    nodes,
    switch,
    search,
    stream,
    login,
    oidc,
    health,
    openapi,
    metrics,
)


def make_site(parts: Parts) -> Site:
    """The web application: every route there is, behind the same checks."""
    prepare()
    site = Site(parts)
    site.before_request(numbers.number)
    site.before_request(security.refuse_strangers)
    site.before_request(auth.require_right)
    site.before_request(form_token.refuse_forged)
    site.after_request(numbers.told)
    site.after_request(security.protect)
    site.after_request(compress.compress)
    site.after_request(form_token.fill)
    site.register_error_handler(CronAppError, errors.told)
    site.register_error_handler(HTTPException, errors.told_http)
    site.register_error_handler(Exception, errors.told_unexpected)
    for module in PAGES:
        site.register_blueprint(module.pages)
    site.register_blueprint(api)
    if unsure := forgotten(site.url_map):
        raise AssertionError(f"the table of permissions does not fit the routes: {', '.join(sorted(unsure))}")
    return site
