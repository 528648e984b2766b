"""For those who keep it running: alive and ready without a token, figures with one."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from sqlalchemy.exc import SQLAlchemyError

from console.alert_routes import answer
from console.clock_health import clock_problem
from console.gate import Parts, Watcher
from console.liveness import Liveness
from console.metrics import Figures
from pipeline.ingest import JournalWriter
from sinks.disposal import DisposalError

router = APIRouter(tags=["health"])

#: A clock that was ahead for a moment took the log's along: until it has caught up no deadline is due.
AHEAD_MOST_S = 60


@router.get("/healthz")
async def alive(parts: Parts) -> Response:
    """The process answers, and says what its clock is."""
    return answer({"status": "alive", "simulated": parts.is_simulated, "speed": parts.speed})


@router.get("/readyz", responses={503: {"description": "what is not ready, in `problems`"}})
def ready(request: Request, parts: Parts) -> Response:
    """The engine gets on, alerts can be read, and rows be made durable where they come in here."""
    writer: JournalWriter | None = request.app.state.writer
    live: Liveness = request.app.state.live
    intake = live.intake_problem()
    problems = [] if intake is None else [intake]
    problems += live.problems()
    problems += parts.store_problems()
    if (doubt := parts.doubt()) is not None:
        problems.append(clock_problem(doubt))
    if writer is not None and (ahead_s := (parts.log_clock_ms - parts.now_ms()) // 1000) > AHEAD_MOST_S:
        problems.append(f"the clock is {ahead_s} s behind the log's, which waits; rows may be too late")
    try:
        parts.queue.last_seq()
    except (DisposalError, SQLAlchemyError, OSError, RuntimeError) as error:
        problems.append(f"the queue cannot be read: {error}")
    return answer(
        {"status": "not ready" if problems else "ready", "problems": problems}, 503 if problems else 200
    )


@router.get("/metrics", response_class=Response)
def metrics(request: Request, _: Watcher) -> Response:
    """Figures in the text form of Prometheus; they tell a stranger too much of how the system is doing."""
    figures: Figures = request.app.state.figures
    return Response(generate_latest(figures.registry), media_type=CONTENT_TYPE_LATEST)
