"""One class per situation. The sentence the user reads is the class's docstring, or the message it was raised with."""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil


class CronAppError(Exception):
    """Something went wrong inside Cron-App. The server's log has the details."""

    status = 500
    retry_after: int | None = None
    """After how many seconds it is worth trying again, if that is known."""

    def __str__(self) -> str:
        return super().__str__() or " ".join((type(self).__doc__ or "").split())

    @property
    def title(self) -> str:
        """The class's name in words: `JobNotFound` is "Job not found"."""
        words = "".join(f" {c.lower()}" if c.isupper() else c for c in type(self).__name__)
        return words.strip().capitalize()


class InvalidInput(CronAppError):
    """Some of the input cannot be used."""

    status = 422

    def __init__(self, errors: Mapping[str, str]) -> None:
        """`errors` maps each wrong field, in the API's dotted names, to a sentence: what is wrong and what to do."""
        super().__init__("; ".join(f"{field}: {text}" for field, text in errors.items()))
        self.errors = dict(errors)

    @classmethod
    def of(cls, field: str, text: str) -> InvalidInput:
        """One wrong field."""
        return cls({field: text})


class CalendarUnreadable(CronAppError):
    """A calendar file cannot be read. Mend the file, or name another one."""

    status = 422

    def __init__(self, path: str, why: str, remedy: str) -> None:
        """`why` completes "it cannot be read: …"; `remedy` is a sentence that says what to do."""
        super().__init__(f"The calendar {path} cannot be read: {why}. {remedy}")
        self.path = path
        self.why = why


class BadRequest(CronAppError):
    """The request cannot be understood."""

    status = 400


class NotSignedIn(CronAppError):
    """Sign in first, or send a token as `Authorization: Bearer TOKEN`."""

    status = 401


class BadToken(NotSignedIn):
    """This token is not good. Make a new one in Settings, or with `cronapp token create`."""


class TokenInWrongPlace(NotSignedIn):
    """A token belongs into the header `Authorization: Bearer TOKEN`, and nowhere else: addresses and forms are kept in
    logs and histories. Revoke the one that was sent so.
    """


class TooManyCalls(CronAppError):
    """Too many calls came at once. Try again in a moment."""

    status = 429

    def __init__(self, seconds: float) -> None:
        self.retry_after = max(ceil(seconds), 1)
        super().__init__(f"Too many calls came at once. Try again in {self.retry_after} s.")


class TooManyStreams(CronAppError):
    """Too many pages or event streams are open at once. Close some of them, or raise CRONAPP_STREAMS."""

    status = 429
    retry_after = 10


class Forbidden(CronAppError):
    """This request came from another site, so it was refused. Open Cron-App itself and try again there."""

    status = 403


class StaleForm(CronAppError):
    """This page is older than your session here, or it is another site's. Load it anew and try again. A program sends a
    token as `Authorization: Bearer TOKEN` instead of a cookie."""

    status = 403


class NotInvited(CronAppError):
    """No role here is given to you. Ask somebody who keeps the people here."""

    status = 403

    def __init__(self, name: str, *, disabled: bool) -> None:
        """`name` is theirs where they signed in; `disabled`: their account here was switched off."""
        what = "Your account here is disabled." if disabled else "None of your groups has a role here."
        super().__init__(f"You are signed in as {name}. {what} Ask somebody who keeps the people here.")


class SignInFailed(CronAppError):
    """The sign-in did not come to its end. Try it again."""

    status = 403


class IssuerAway(CronAppError):
    """The place where you sign in does not answer as it should. Try again in a moment."""

    status = 503


class NotAllowed(CronAppError):
    """Your role does not allow this. Ask somebody who keeps the people here, in Settings."""

    status = 403


class WrongPassword(CronAppError):
    """This name and password do not fit. Try again, or have somebody who keeps the people here set a new password."""

    status = 403


class WrongCode(CronAppError):
    """This code is not good: it may be over, or used. Wait for the next one, or use a recovery code."""

    status = 403


class SignInOver(CronAppError):
    """The time for the code is over. Sign in again with your name and password."""

    status = 403


class TooManyAttempts(CronAppError):
    """Too many attempts failed. Try again later."""

    status = 429

    def __init__(self, seconds: float) -> None:
        self.retry_after = max(ceil(seconds), 1)
        minutes = ceil(self.retry_after / 60)
        wait = f"{self.retry_after} s" if self.retry_after < 100 else f"{minutes} minutes"
        super().__init__(f"Too many attempts failed. Try again in {wait}.")


class Busy(CronAppError):
    """Too many people sign in at once. Try again in a moment."""

    status = 503
    retry_after = 2


class WrongHost(CronAppError):
    """This server does not answer to that host name. Add the name to CRONAPP_TRUSTED_HOSTS if it is yours."""

    status = 400


class NotFound(CronAppError):
    """There is nothing at this address."""

    status = 404


class JobNotFound(NotFound):
    """There is no job with this id. It may have been removed."""


class RunNotFound(NotFound):
    """There is no run with this number."""


class ErrorGroupNotFound(NotFound):
    """There is no group of errors of this name. Its runs may be older than what is kept."""


class NothingToCompare(NotFound):
    """Only a run that went wrong is compared, with one of its job that succeeded before it. Here is none."""


class NoteNotFound(NotFound):
    """There is no such note on this job. It may have been removed."""


class TaskNotFound(NotFound):
    """The tasks file has no task of this name."""


class TokenNotFound(NotFound):
    """There is no such token. One that is good for nothing any more is listed for 30 days."""


class PersonNotFound(NotFound):
    """There is no such account. It may have been removed."""


class NodeNotFound(NotFound):
    """There is no such process. It may have ended."""


class ViewNotFound(NotFound):
    """There is no saved view of this name. It may have been removed."""


class Conflict(CronAppError):
    """This cannot be done in the present state."""

    status = 409


class NameTaken(Conflict):
    """Another process has this name meanwhile."""


class SecretNotFound(NotFound):
    """There is no stored secret of this name. It may have been removed."""


class ChannelNotFound(NotFound):
    """There is no channel of this name. It may have been removed."""


class RuleNotFound(NotFound):
    """There is no such rule. It may have been removed."""


class DeliveryNotFound(NotFound):
    """There is no delivery with this number. It may be older than what is kept."""


class LastAdmin(Conflict):
    """This is the last account that keeps the people here. Make another one an administrator first."""


class AccountsExist(Conflict):
    """There are accounts here already. Sign in with yours, or have somebody who keeps the people here make you one."""


class NoAccount(Conflict):
    """You came in without an account, so there is nothing to change here."""


class TaskGone(Conflict):
    """This job's task is no longer in the code. Deploy it again, or point the job at another task."""


class RunEnded(Conflict):
    """This run has ended already, so there is nothing to cancel."""


class RunNotEnded(Conflict):
    """This run has not ended yet. Cancel it first, or wait for its end."""


class RunNotHere(Conflict):
    """This run is not being executed by this server at the moment, so there is nothing to look into."""


class Draining(Conflict):
    """The server is shutting down and starts no new runs. Try again in a moment."""

    status = 503


class EditConflict(CronAppError):
    """Somebody else saved this job meanwhile. Look at the newest version, then make your change again."""

    status = 412


class IdempotencyMismatch(CronAppError):
    """This Idempotency-Key was used before with another request. Use a new key for a new request."""

    status = 422


class NoSecretKey(Conflict):
    """Secrets are kept encrypted, and there is no key for them. Set CRONAPP_SECRET_KEY, the same for all servers, to
    what this makes: python -c "import secrets; print(secrets.token_urlsafe(32))"
    """


class SecretUnreadable(Conflict):
    """It was encrypted with a key that is not there now. Set CRONAPP_SECRET_KEY to that key again (behind a new one,
    with a comma between them), or give the secret anew. Nothing is lost meanwhile.
    """


class StoreUnavailable(CronAppError):
    """The database is not available at the moment. What runs goes on; try again in a moment."""

    status = 503

    @property
    def title(self) -> str:
        return "Database unavailable"


class CannotStart(CronAppError):
    """The server cannot start."""


class DatabaseInUse(CannotStart):
    """Another server works on this database."""


class DatabaseOlder(CannotStart):
    """The database was made by an older version."""


class CannotCopy(CannotStart):
    """The database cannot be copied. Nothing was kept in the target."""
