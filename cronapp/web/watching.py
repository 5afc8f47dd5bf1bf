"""What a worker answers, which has no site: whether it is alive and ready, and its figures."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from quart import Quart, request

from cronapp.core.errors import CronAppError, NotAllowed, NotSignedIn
from cronapp.core.hosts import LOOPBACK, hosts_of
from cronapp.web import bearer, health, metrics, security
from cronapp.web.auth import address
from cronapp.web.calls import Calls, calls
from cronapp.web.errors import told_plainly
from cronapp.web.permissions import NEEDS
from cronapp.web.site import Parts


def make_watched_site(house: Parts, host: str) -> Quart:
    """For who watches a worker that listens on `host`. Beyond loopback the figures need a token, as on a server."""
    site: Any = Quart("cronapp.watching", static_folder=None)
    site.parts = replace(house, hosts=hosts_of(host, house.settings.trusted_hosts))
    site.calls = Calls(house.settings)
    site.before_request(security.refuse_strangers)
    site.after_request(security.protect)
    site.register_error_handler(CronAppError, told_plainly)
    site.register_blueprint(health.pages)
    site.register_blueprint(metrics.pages)
    if host not in LOOPBACK:
        site.before_request(require_token)
    return site  # type: ignore[no-any-return]


async def require_token() -> None:
    """Lets to the figures who has a token that may look at all jobs. There are no sessions here, and no proxy names
    anybody."""
    if request.endpoint != "metrics.show":
        return
    given = request.headers.getlist("Authorization")
    if not given:
        calls().count_refused(address())
        raise NotSignedIn
    who = await bearer.known(given, address())
    if not NEEDS[request.endpoint].met_by(who.sight):
        raise NotAllowed
