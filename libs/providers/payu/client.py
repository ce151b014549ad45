"""The Payouts API of PayU: every method, once each, with a token that is kept fresh.

    payu = PayU(Http(address_of("sandbox")), account)
    answer = await payu.request_payouts(request)      # some may have succeeded and some not

What is only asked is asked again after a failure. What changes something is made again only where
nothing has left this process. PayU knows no idempotency key: a request for payouts that was sent and
not answered wholly may have been carried out, and ends as `UnansweredError`, for a person or a report
to resolve. What breaks a documented rule, or has an id that is none, is not sent: `NotSentError`. Credentials travel in the query of `authenticate` and in two headers, and stand in no error.

Source: https://developers.payulatam.com/latam/es/docs/integrations/api-integration/payouts-api.html
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Final, TypeVar
from urllib.parse import quote

from pydantic import ValidationError

from libs.api.errors import RefusedError, UnansweredError, UnsentError
from libs.api.http import Call, Http
from libs.api.repeating import never_sent, repeated, safe
from libs.api.token import MONOTONIC, Issued, SharedToken
from libs.providers.payu import validation
from libs.providers.payu.answers import Message, PayoutAnswer, Webhook
from libs.providers.payu.discreet import Discreet
from libs.providers.payu.findings import NotValidError
from libs.providers.payu.jwt import lifetime
from libs.providers.payu.refused import answer_in, has_items
from libs.providers.payu.requests import (
    BankAccountUpdate,
    CancelRequest,
    PayoutRequest,
    WebhookRequest,
)
from libs.providers.payu.written import written
from libs.providers.reading import Json, NotReadableError, read_json

ADDRESSES: Final = {
    "sandbox": "https://sandbox-transfers.payulatam.com/v1.0",
    "production": "https://transfers.payulatam.com/v1.0",
}
TOKEN_LASTS: Final = 600  # seconds
# Refusals that leave open whether it was carried out: theirs, on the way, or after they gave up waiting.
_PERHAPS_DONE: Final = frozenset({408, 425})

Model = TypeVar("Model", bound=Discreet)
Result = TypeVar("Result")


class NotSentError(NotValidError, UnsentError):
    """What is asked for breaks a rule: nothing of it has left this process."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Whose payouts: the merchant's account in one country, and what proves it."""

    merchant_id: str
    account_id: str
    api_key: str = field(repr=False)
    api_login: str = field(repr=False)
    public_key: str = field(repr=False)

    @property
    def own(self) -> Mapping[str, str]:
        """Its numbers under PayU's names: a request that has others is not for this account."""
        return {"merchantId": self.merchant_id, "accountId": self.account_id}


class PayU:
    """The API of one account. Close its `Http` in the end."""

    def __init__(
        self, http: Http, account: Account, *, clock: Callable[[], float] = MONOTONIC
    ) -> None:
        self._http = http
        self._account = account
        self._token = SharedToken(self._issued, clock=clock)

    async def authenticate(self) -> float:
        """Make sure of a token; return for how many seconds it is good."""
        await self._good_token()
        return self._token.lasts

    async def request_payouts(
        self, request: PayoutRequest, *, doubts: bool = False
    ) -> PayoutAnswer:
        """Ask for payouts. Raises `UnsentError` and `RefusedError` where there are none now.

        `UnansweredError`: there may be. It is never sent twice. A refusal that tells of single payouts
        is an answer like any other. Rules are held up to it in any case; with `doubts` what is only
        doubtful is not sent either, else who wrote it was told already.
        """
        with _unsent_if_not_valid():
            body = validation.request(request, doubts=doubts, own=self._account.own)
        call = self._call("POST", "supplier-transfers", name="payouts", body=body)
        try:
            return await self._changed(call, PayoutAnswer)
        except RefusedError as error:
            try:
                answer = answer_in(error.body)
            except NotReadableError as why:
                raise UnansweredError(f"{error}: it may have been carried out, {why}") from None
            if answer is None:
                raise
            return answer

    async def cancel(self, payment_order_id: str, request: CancelRequest) -> Message:
        """Ask for a cancel, which PayU carries out later, or not."""
        with _unsent_if_not_valid():
            which = validation.identified(payment_order_id, "paymentOrderId")
            body = validation.cancel(request)
        call = self._call("DELETE", "supplier-transfers", which, name="payout", body=body)
        return await self._changed(call, Message)

    async def update_bank_account(
        self, update: BankAccountUpdate, *, doubts: bool = False
    ) -> Message:
        """Change the number, or the bank, of a payee's account. Not in today's documents.

        `doubts` as for `request_payouts`.
        """
        with _unsent_if_not_valid():
            body = validation.bank_account(update, doubts=doubts)
        call = self._call(
            "PUT", "supplier-transfers/bank-account", update.id, name="bank account", body=body
        )
        return await self._changed(call, Message)

    async def create_webhook(self, request: WebhookRequest) -> Webhook:
        """Register a URL."""
        with _unsent_if_not_valid():
            body = validation.webhook(request, update=False, own=self._account.own)
        return await self._changed(
            self._call("POST", "webhooks", name="webhooks", body=body), Webhook
        )

    async def update_webhook(self, request: WebhookRequest) -> Webhook:
        """Change a registration; which one its `id` says, in the body."""
        with _unsent_if_not_valid():
            body = validation.webhook(request, update=True, own=self._account.own)
        return await self._changed(
            self._call("PUT", "webhooks", name="webhooks", body=body), Webhook
        )

    async def delete_webhook(self, webhook_id: str) -> Webhook:
        """Remove a registration."""
        with _unsent_if_not_valid():
            which = validation.identified(webhook_id, "id")
        return await self._changed(self._call("DELETE", "webhooks", which, name="webhook"), Webhook)

    async def webhook(self, webhook_id: str) -> Webhook:
        """Return one registration."""
        with _unsent_if_not_valid():
            which = validation.identified(webhook_id, "id")
        return await self._asked(
            self._call("GET", "webhooks", which, name="webhook"),
            lambda told: _model(Webhook, told),
        )

    async def webhooks(self) -> tuple[Webhook, ...]:
        """Return the registrations of the account."""
        return await self._asked(
            self._call("GET", "webhooks/account", name="webhooks"),
            lambda told: tuple(_model(Webhook, one) for one in _list(told)),
        )

    def _call(
        self,
        method: str,
        of: str,
        which: str | None = None,
        *,
        name: str,
        body: Discreet | None = None,
    ) -> Call:
        account = self._account
        parts = [account.merchant_id, account.account_id, *([] if which is None else [which])]
        return Call(
            method=method,
            path=f"/{of}/{'/'.join(quote(part, safe='') for part in parts)}",
            name=name,
            raw=None if body is None else written(body),
        )

    async def _asked(self, call: Call, read: Callable[[Json], Result]) -> Result:
        """Ask what changes nothing: an answer that cannot be read is worth another try as well."""

        async def once() -> Result:
            return read(await self._authorized(call))

        return await repeated(once, safe)

    async def _changed(self, call: Call, model: type[Model]) -> Model:
        try:
            told = await repeated(lambda: self._authorized(call), never_sent)
        except RefusedError as error:
            if error.status < 400 or error.status >= 500 or error.status in _PERHAPS_DONE:
                raise UnansweredError(f"{error}: it may have been carried out") from None
            raise
        return _model(model, told)

    async def _authorized(self, call: Call) -> Json:
        """Make a call with a token; where that is not accepted, once more with a new one."""
        token = await self._good_token()
        try:
            return await self._sent(call, token)
        except RefusedError as error:
            if not error.unauthorized or has_items(error.body):
                raise
        self._token.spoil(token)
        return await self._sent(call, await self._good_token())

    async def _good_token(self) -> str:
        """Return a token. Without one nothing is sent, whatever became of asking for it."""
        try:
            return await self._token.get()
        except UnansweredError as error:
            raise UnsentError(str(error)) from None
        except RefusedError as error:
            if error.status < 400 or error.passing:
                raise UnsentError(str(error), after=error.after) from None
            raise

    async def _sent(self, call: Call, token: str) -> Json:
        headers = {"Authorization": token, "PublicKey": self._account.public_key}
        if call.raw is not None:
            headers["Content-Type"] = "application/json"
        answer = await self._http.send(replace(call, headers=headers))
        return _json(answer.body)

    async def _issued(self) -> Issued:
        account = self._account
        call = Call(
            method="POST",
            path="/authenticate",
            name="authenticate",
            query={
                "accountId": account.account_id,
                "apiKey": account.api_key,
                "apiLogin": account.api_login,
            },
        )

        async def once() -> Issued:
            told = _json((await self._http.send(call)).body)
            token = told.get("token") if isinstance(told, dict) else None
            if not isinstance(token, str) or not token.strip():
                raise UnansweredError("the answer to authenticate has no token")
            words = token.strip()
            bare = words.removeprefix("Bearer ").strip()
            return Issued(f"Bearer {bare}", lifetime(bare) or TOKEN_LASTS)

        return await repeated(once, safe)


@contextmanager
def _unsent_if_not_valid() -> Iterator[None]:
    """Say of what is not valid that it was not sent either."""
    try:
        yield
    except NotValidError as error:
        raise NotSentError(error.findings) from None


def _json(body: bytes) -> Json:
    try:
        return read_json(body)
    except NotReadableError:
        raise UnansweredError("the answer is not JSON") from None


def _model(model: type[Model], told: Json) -> Model:
    try:
        return model.model_validate(told)
    except ValidationError:
        raise UnansweredError(f"the answer is no {model.__name__}") from None


def _list(told: Json) -> list[Json]:
    if not isinstance(told, list):
        raise UnansweredError("the answer is not a list")
    return told
