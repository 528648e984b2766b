"""Arguments of people's steps, checked before they reach the database."""

from __future__ import annotations

from sinks.disposal.errors import WrongInput
from sinks.disposal.states import Outcome, Verdict, fitting_outcomes
from sinks.reasons import Reason

#: Longest texts of a row.
NAME_LENGTH_MAX = 200
TEXT_LENGTH_MAX = 4000
#: How long a claim holds unless the claimant says otherwise, and the most it may ask for: half an hour of a
#: person before a clock that runs a thousand times too fast.
LEASE_MS = 30 * 60_000
LEASE_MS_MAX = 1000 * LEASE_MS


def lease_end_ms(now_ms: int, lease_ms: int) -> int:
    """The end of a lease that begins now."""
    if not 1 <= lease_ms <= LEASE_MS_MAX:
        raise WrongInput("lease_ms", str(lease_ms), f"1 to {LEASE_MS_MAX}")
    return now_ms + lease_ms


def actor_name(actor: str) -> str:
    """Somebody."""
    if not actor.strip() or len(actor) > NAME_LENGTH_MAX:
        raise WrongInput(
            "actor", repr(actor[:NAME_LENGTH_MAX]), f"a name of 1 to {NAME_LENGTH_MAX} characters"
        )
    _check_unicode("actor", actor)
    return actor


def free_text(field: str, given: str | None) -> str | None:
    """A text without blanks around it; nothing but blanks is None."""
    stripped = (given or "").strip()
    if len(stripped) > TEXT_LENGTH_MAX:
        raise WrongInput(field, f"{len(stripped)} characters", f"at most {TEXT_LENGTH_MAX}")
    _check_unicode(field, stripped)
    return stripped or None


def verdict_with_reason(verdict: str, reason: str | None) -> tuple[Verdict, str | None]:
    """A verdict; a false one says why: by a code of the list or, where none fits, in words."""
    if verdict not in set(Verdict):
        raise WrongInput("verdict", repr(verdict), "one of " + ", ".join(Verdict))
    said = free_text("reason", reason)
    if verdict == Verdict.FALSE and said is None:
        expected = "why the alert is false: one of " + ", ".join(Reason) + ", or words"
        raise WrongInput("reason", "none given", expected)
    return Verdict(verdict), said


def correction_reason(because: str | None) -> str:
    """Why a verdict is taken back, in words."""
    said = free_text("because", because)
    if said is None:
        raise WrongInput("because", "none given", "why the verdict is corrected, in words")
    return said


def known_outcome(outcome: str) -> Outcome:
    """An outcome of the list."""
    if outcome not in set(Outcome):
        raise WrongInput("outcome", repr(outcome), "one of " + ", ".join(Outcome))
    return Outcome(outcome)


def fit(outcome: Outcome, verdict: Verdict) -> None:
    """Refuses a measure without a true verdict, and a false alarm that was found true."""
    fitting = fitting_outcomes(verdict)
    if outcome not in fitting:
        raise WrongInput("outcome", f"{outcome} after the verdict {verdict}", "one of " + ", ".join(fitting))


def _check_unicode(field: str, text: str) -> None:
    """No database keeps a lone surrogate."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise WrongInput(field, repr(text[error.start]), "text that is Unicode") from error
