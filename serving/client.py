"""A client for programs in Python: the API's forms as typed values, and nothing else.

It needs httpx and pydantic. ::

    from serving.client import Tenure

    with Tenure("https://tenure.example.com", key) as tenure:
        for account in tenure.accounts(segment="mid"):
            print(account.account_id, account.churn_probability)
"""

from collections.abc import Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any, Self, TypeVar

import httpx
from pydantic import BaseModel

from serving.api import (
    MOST_ACCOUNTS,
    Account,
    Accounts,
    Model,
    Prediction,
    Predictions,
    Scores,
    WhatIfAnswer,
)
from serving.api import Score as AccountScore

F = TypeVar("F", bound=BaseModel)


class TenureApiError(Exception):
    """The service refused.

    Parameters
    ----------
    status : int
        Of HTTP.
    code, message : str
        What is wrong, for programs and for people.
    details : Any
    request_id : str
        Under which the service's logs tell more.
    """

    def __init__(
        self, status: int, code: str, message: str, details: Any = None, request_id: str = ""
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.details = details
        self.request_id = request_id


class Tenure:
    """A service, as one caller sees it.

    Parameters
    ----------
    url : str
    key : str, optional
        From `tenure keys add`; needed unless the service runs on this machine without keys.
    timeout_s : float
        After so long an answer is given up.
    """

    def __init__(self, url: str, key: str | None = None, timeout_s: float = 30.0) -> None:
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        self._http = httpx.Client(base_url=url, headers=headers, timeout=timeout_s)
        self._kept: dict[str, tuple[str, Any]] = {}

    def score(self, account_ids: Sequence[str]) -> list[AccountScore]:
        """Current scores with drivers, in the order of the ids; any number of ids.

        Raises
        ------
        TenureApiError
            "unknown_account" naming those that are not scored.
        """
        found: list[AccountScore] = []
        for start in range(0, len(account_ids), MOST_ACCOUNTS):
            some = list(account_ids[start : start + MOST_ACCOUNTS])
            found += self._post("/v1/score", {"account_ids": some}, Scores).scores
        return found

    def predict(
        self, observations: Sequence[Mapping[str, float | str | None]], outlook: bool = False
    ) -> list[Prediction]:
        """What the model says of observations of your own: metric to value, None where unknown.

        With `outlook`, other horizons and expected retained ARR as well.
        """
        asked = {"observations": [dict(each) for each in observations], "outlook": outlook}
        return self._post("/v1/predict", asked, Predictions).predictions

    def what_if(self, account_id: str, changes: Mapping[str, float]) -> WhatIfAnswer:
        """What the model expects of an account with other values of metrics one can act on."""
        asked = {"account_id": account_id, "changes": dict(changes)}
        return self._post("/v1/what-if", asked, WhatIfAnswer)

    def account(self, account_id: str) -> AccountScore:
        """Current score of one account, with drivers."""
        return self._get(f"/v1/accounts/{_quoted(account_id)}", AccountScore)

    def accounts(
        self, q: str = "", segment: str = "", csm: str = "", sort: str = "risk", limit: int = 1000
    ) -> Iterator[Account]:
        """Accounts without their drivers, fetched `limit` at a time.

        Raises
        ------
        TenureApiError
            "scores_changed" where the scores were renewed on the way: begin again.
        """
        wish: dict[str, Any] = {"q": q, "segment": segment, "csm": csm, "sort": sort}
        wish = {name: value for name, value in wish.items() if value} | {"limit": limit}
        while True:
            page = self._get("/v1/accounts", Accounts, wish)
            yield from page.accounts
            if page.next_cursor is None:
                return
            wish["cursor"] = page.next_cursor

    def model(self) -> Model:
        """The model that serves."""
        return self._get("/v1/model", Model)

    def close(self) -> None:
        """Give the connections back."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _post(self, path: str, body: Any, form: type[F]) -> F:
        return form.model_validate_json(_checked(self._http.post(path, json=body)).content)

    def _get(self, path: str, form: type[F], query: Mapping[str, Any] | None = None) -> F:
        """Ask for what may be here already: the service then only says that it still holds."""
        request = self._http.build_request("GET", path, params=query)
        tag, kept = self._kept.get(str(request.url), ("", None))
        if tag:
            request.headers["If-None-Match"] = tag
        response = self._http.send(request)
        if response.status_code == 304 and isinstance(kept, form):
            return kept
        found = form.model_validate_json(_checked(response).content)
        if len(self._kept) >= MOST_ACCOUNTS:
            self._kept.clear()
        self._kept[str(request.url)] = (response.headers.get("ETag", ""), found)
        return found


def _checked(response: httpx.Response) -> httpx.Response:
    if response.is_success:
        return response
    try:
        error = response.json()["error"]
    except (ValueError, KeyError, TypeError):
        error = {"code": "no_answer", "message": f"{response.url} answered {response.status_code}"}
    raise TenureApiError(
        response.status_code,
        error["code"],
        error["message"],
        error.get("details"),
        response.headers.get("X-Request-ID", ""),
    )


def _quoted(account_id: str) -> str:
    from urllib.parse import quote

    return quote(account_id, safe="")
