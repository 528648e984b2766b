"""The console as one application: ingest, disposal, places, page and figures, over parts that are open."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from anyio import CapacityLimiter
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.concurrency import run_in_threadpool
from starlette.middleware.gzip import GZipMiddleware

from console import (
    alert_routes,
    alert_stream,
    basemap_routes,
    card_routes,
    change_routes,
    fence_routes,
    health_routes,
    ingest_routes,
    place_routes,
    position_stream,
    reject_routes,
    row_routes,
    settle_routes,
    site_routes,
    tally_routes,
)
from console.alert_feed import AlertFeed
from console.alert_routes import answer, refusal
from console.changing import refused_answer
from console.description import describe
from console.errors import PersonUnknown, Refused, RowUnknown
from console.gate import Gate, caller_of, site_directory_of
from console.guard import Guard
from console.live_site import LiveSite, SiteNow
from console.liveness import Liveness
from console.metrics import Figures, StandingFigures
from console.page import SafeHeaders, content_policy, mount_page
from console.parts import ConsoleParts
from console.places import Places
from console.position_feed import PositionFeed
from console.refusals import STORE_FAULTS, refusal_answer, store_fault_answer
from console.rows_door import ConsoleApp
from console.threshold import Threshold
from console.token_watch import TokenWatch
from console.visits import Visits, recorded_refusal
from pipeline.ingest import GatewayError, JournalWriter, OtherDevice, TooManyRows, WriterStopped
from pipeline.ingest.journal_writer import log_writer
from pipeline.ingest.loop_results import LoopResults
from pipeline.ingest.refusals import Refusals
from pipeline.sites.change_faults import ChangeRefused
from sinks.access_log import PurposeMissing
from sinks.disposal import AlertUnknown, TransitionRefused, WrongInput

__all__ = ["ConsoleParts", "create_app"]

#: What the gateway refuses as a whole; else 400.
_NOT_TAKEN: dict[type[GatewayError], int] = {OtherDevice: 403, TooManyRows: 413}


def create_app(parts: ConsoleParts) -> FastAPI:
    """The application; it opens and closes no part, and writes the log while it runs, if it may."""
    app = ConsoleApp(
        title="fencewatch",
        version=parts.version or "0",
        docs_url=None,  # those pages would fetch their scripts from elsewhere
        redoc_url=None,
        redirect_slashes=False,  # a phone follows no redirect, and loses the fix
        lifespan=_lifespan,
    )
    _put_state(app, parts)
    app.router.routes.extend(ingest_routes.ROUTES)
    for module in (
        alert_stream,
        settle_routes,
        tally_routes,
        alert_routes,
        position_stream,
        place_routes,
        card_routes,
        reject_routes,
        site_routes,
        fence_routes,
        change_routes,
        row_routes,
        basemap_routes,
        health_routes,
    ):
        app.include_router(module.router)
    mount_page(app, parts.web, parts.vendor)
    _put_refusals(app)
    describe(app)
    app.add_middleware(Threshold, gate=app.state.gate)
    # Pages of alerts shrink to a tenth. What is behind a bearer token is asked for by nobody else's page.
    app.add_middleware(GZipMiddleware, minimum_size=1000, compresslevel=5)
    policy = content_policy(parts.web)
    app.add_middleware(SafeHeaders, policy=policy)
    app.shorten(
        ingest_routes.ENDPOINTS, lambda rows: SafeHeaders(Threshold(rows, gate=app.state.gate), policy=policy)
    )
    return app


async def _unusable(_: Request, error: Exception) -> Response:
    """A store is locked, full, damaged or gone."""
    return store_fault_answer(error)


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    parts: ConsoleParts = app.state.parts
    writer: JournalWriter | None = app.state.writer
    live_site: LiveSite = app.state.live_site
    await run_in_threadpool(parts.queue.set_offices, live_site.now.parents)
    if writer is not None:
        await run_in_threadpool(writer.start)
    if parts.running_site is not None:
        await run_in_threadpool(parts.running_site.start, writer)
    app.state.results = LoopResults(asyncio.get_running_loop())
    app.state.refusals.start()
    app.state.live.start()
    try:
        yield
    finally:
        await app.state.watch.stop()
        await app.state.feed.stop()
        await app.state.position_feed.stop()
        await run_in_threadpool(app.state.live.stop)
        if parts.running_site is not None:
            await run_in_threadpool(parts.running_site.stop)
        if writer is not None:
            await run_in_threadpool(writer.stop)
        await run_in_threadpool(app.state.refusals.stop)


def _put_state(app: FastAPI, parts: ConsoleParts) -> None:
    figures = Figures()
    app.state.parts = parts
    app.state.feed = AlertFeed(parts.queue)
    app.state.refusals = Refusals(parts.rejects)
    figures.count_lost(lambda: app.state.refusals.lost)
    app.state.places = Places(parts.streams_per_token)
    live_site = app.state.live_site = _live_site(parts)
    app.state.visits = Visits(parts)
    app.state.guard = Guard(parts, figures)
    app.state.position_feed = PositionFeed(parts.positions, live_site.directory, parts.now_ms)
    app.state.gate = Gate(parts.tokens, live_site.directory, parts.real_now_ms)
    app.state.watch = TokenWatch(app.state.gate)
    # More at once than there are processors would only hold more in memory, and wait for each other.
    app.state.decoders = CapacityLimiter(os.cpu_count() or 1)
    app.state.figures = figures
    app.state.writer = _writer(parts, figures)
    app.state.live = Liveness(parts, live_site, app.state.writer)
    figures.registry.register(StandingFigures(parts, live_site, app.state.live))
    live_site.listen(lambda now: _offices_changed(parts, now))


def _live_site(parts: ConsoleParts) -> LiveSite:
    """The site as it is, and as it comes to be where somebody takes changes of it."""
    if parts.running_site is None:
        return LiveSite(parts.site, parts.gazetteer, now_ms=parts.now_ms)
    live_site = LiveSite(parts.site, parts.gazetteer, parts.running_site.number, parts.now_ms)
    parts.running_site.follow(live_site.replace)
    return live_site


def _offices_changed(parts: ConsoleParts, now: SiteNow) -> None:
    """The queue knows offices by itself: an alert reaches those above the one whose it is."""
    if now.parents != parts.queue.offices():
        parts.queue.set_offices(now.parents)


def _writer(parts: ConsoleParts, figures: Figures) -> JournalWriter | None:
    """Who writes the log; None where another process does."""
    if parts.log_writer is None:
        return None
    writer = log_writer(
        parts.log_writer,
        parts.now_ms,
        parts.steady,
        horizon_ms=parts.site.policies.horizon_ms,
        figures=figures,
        speed=parts.speed,
        kept_ms=parts.log_kept_ms,
        pace=parts.log_pace,
    )
    if parts.running_site is not None:
        parts.running_site.follow(lambda site, _: writer.take_by(site.policies.horizon_ms))
    return writer


def _put_refusals(app: FastAPI) -> None:
    """Errors as answers; each has at least ``detail``."""

    @app.exception_handler(Refused)
    async def refused(request: Request, error: Refused) -> Response:
        return await refusal_answer(request, error)

    for fault in STORE_FAULTS:
        app.add_exception_handler(fault, _unusable)

    @app.exception_handler(GatewayError)
    async def not_taken(_: Request, error: GatewayError) -> Response:
        if not isinstance(error, WriterStopped):
            return answer({"detail": str(error)}, _NOT_TAKEN.get(type(error), 400))
        response = answer({"detail": str(error)}, 503)
        response.headers["Retry-After"] = "1"
        return response

    @app.exception_handler(ChangeRefused)
    async def unsound(request: Request, error: ChangeRefused) -> Response:
        return await run_in_threadpool(refused_answer, request, error)

    @app.exception_handler(RowUnknown)
    async def no_row(request: Request, error: RowUnknown) -> Response:
        return await recorded_refusal(request, caller_of(request), 404, str(error))

    @app.exception_handler(AlertUnknown)
    async def unknown(request: Request, error: AlertUnknown) -> Response:
        return await recorded_refusal(request, caller_of(request), 404, str(error))

    @app.exception_handler(PersonUnknown)
    async def nobody(request: Request, error: PersonUnknown) -> Response:
        return await recorded_refusal(request, caller_of(request), 404, str(error), error.person_id)

    @app.exception_handler(TransitionRefused)
    async def conflict(request: Request, error: TransitionRefused) -> Response:
        return answer(refusal(error, caller_of(request), site_directory_of(request)), 409)

    @app.exception_handler(WrongInput)
    async def wrong(_: Request, error: WrongInput) -> Response:
        said = {"detail": str(error), "field": error.field, "expected": error.expected}
        return answer(said, 422)

    @app.exception_handler(RequestValidationError)
    async def unfit(_: Request, error: RequestValidationError) -> Response:
        # Without what was given: it need not be text or numbers that an answer can hold.
        said = [{part: one[part] for part in ("type", "loc", "msg")} for one in error.errors()]
        return Response(json.dumps({"detail": said}), 422, media_type="application/json")

    @app.exception_handler(PurposeMissing)
    async def purposeless(_: Request, error: PurposeMissing) -> Response:
        return answer({"detail": str(error)}, 422)
