"""The figures for Prometheus: for those who may look at everything; or on a port of its own, for whoever reaches it."""

from __future__ import annotations

import gzip
from asyncio import to_thread

from quart import Blueprint, Quart, Response, request

from cronapp.core.errors import CronAppError
from cronapp.web import security
from cronapp.web.errors import told_plainly
from cronapp.web.site import Parts, parts

pages = Blueprint("metrics", __name__)
OPENMETRICS = "application/openmetrics-text"
LEVEL = 1  # of the compression: each time others are told


@pages.get("/metrics")
async def show() -> Response:
    """As OpenMetrics, if that is asked for, else in the older format of Prometheus."""
    wanted = OPENMETRICS in request.headers.get("Accept", "")
    text, kind = await parts().metrics(wanted)
    response = Response(text, content_type=kind)
    response.vary.update(("Accept", "Accept-Encoding"))
    if request.accept_encodings["gzip"] > 0:
        response.set_data(await to_thread(gzip.compress, text, LEVEL, mtime=0))
        response.headers["Content-Encoding"] = "gzip"
    return response


def make_metrics_site(house: Parts) -> Quart:
    """Only these figures, without asking who wants them."""
    site = Quart("cronapp.metrics", static_folder=None)
    site.parts = house  # type: ignore[attr-defined]
    site.before_request(security.refuse_strangers)
    site.after_request(security.protect)
    site.register_error_handler(CronAppError, told_plainly)
    site.register_blueprint(pages)
    return site
