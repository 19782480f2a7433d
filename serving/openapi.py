"""The OpenAPI 3.1 document: made from the forms, and tested against the running service."""

from collections.abc import Iterable, Mapping
from typing import Any

from pydantic.json_schema import models_json_schema

from serving import api
from serving.api import MOST_ACCOUNTS
from serving.health_forms import HealthScore
from serving.keys import SCOPES
from serving.wish import BANDS, LONGEST, SORTS

CURSOR = "^[A-Za-z0-9_-]{1,400}$"

_FORMS = (
    api.ScoreRequest,
    api.Scores,
    api.Score,
    api.PredictRequest,
    api.Predictions,
    api.WhatIfRequest,
    api.WhatIfAnswer,
    api.Accounts,
    api.Model,
    HealthScore,
    api.Ready,
    api.Error,
)

_FAILURES = {
    400: "The request is malformed",
    401: "There is no valid key",
    403: "The key does not reach so far, or the service has no keys and is asked from elsewhere",
    404: "An account or cursor is unknown",
    408: "The body came too slowly",
    409: "The scores changed since the page before; begin again without a cursor",
    413: "The body is too large",
    415: "The body is not sent as JSON",
    429: "The key asks too often; Retry-After says when to try again",
    500: "A defect; the service's log has the request's id",
    503: "No scores are there yet, or they cannot be answered for",
    504: "Answering took too long",
}
_ALWAYS = (401, 403, 429, 500, 503, 504)


def document(secured: bool, inputs: Iterable[Mapping[str, Any]] = ()) -> dict[str, Any]:
    """Describe the API.

    Parameters
    ----------
    secured : bool
        Whether keys are needed.
    inputs : iterable of mapping
        Forms `api.Input` as plain values: what the model that serves reads; empty while none does.
    """
    _, definitions = models_json_schema(
        [(form, "validation") for form in _FORMS], ref_template="#/components/schemas/{model}"
    )
    schemas = definitions["$defs"]
    inputs = list(inputs)
    if properties := {each["metric"]: _value(each) for each in inputs}:
        schemas["PredictRequest"]["properties"]["observations"]["items"] = {
            "type": "object",
            "additionalProperties": False,
            "properties": properties,
        }
        schemas["WhatIfRequest"]["properties"]["changes"] = {
            "type": "object",
            "additionalProperties": False,
            "properties": {
                each["metric"]: {"type": "number"} for each in inputs if each["actionable"]
            },
        }
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Tenure",
            "version": "1",
            "description": "Which customers are likely to leave, and what tells so. "
            "Nothing that is asked here changes anything, so every request may be repeated.",
        },
        "paths": _paths(),
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "key": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": f"From `tenure keys add`. Scopes: {', '.join(SCOPES)}; "
                    "each includes those before it.",
                }
            },
        },
        "security": [{"key": []}] if secured else [],
    }


def _paths() -> dict[str, Any]:
    return {
        "/v1/score": {"post": _asking("score", "Current scores with drivers", "Scores", 404)},
        "/v1/predict": {"post": _asking("predict", "Score what you bring", "Predictions")},
        "/v1/what-if": {
            "post": _asking("what-if", "An account with other values", "WhatIfAnswer", 404)
        },
        "/v1/accounts": {"get": _accounts()},
        "/v1/accounts/{account_id}": {"get": _account()},
        "/v1/model": {"get": _looking("model", "The model that serves", "Model")},
        "/v1/health-score": {
            "get": _looking("health_score", "Weights, goals and their evidence", "HealthScore")
        },
        "/healthz": {"get": _open("healthz", "The process runs", _text())},
        "/readyz": {"get": _open("readyz", "Scores are there", _json("Ready"), 503)},
        "/metrics": {"get": _metrics()},
        "/openapi.json": {
            "get": _open("openapi", "This document", {"application/json": {"schema": {}}})
        },
    }


def _asking(name: str, summary: str, answer: str, *failures: int) -> dict[str, Any]:
    forms = {"score": "ScoreRequest", "predict": "PredictRequest", "what-if": "WhatIfRequest"}
    told = {
        **_operation(name, summary, _json(answer), 400, 408, 413, 415, *failures, *_ALWAYS),
        "requestBody": {"required": True, "content": _json(forms[name])},
    }
    return {**told, "parameters": [_LANG]}


def _looking(name: str, summary: str, answer: str, *failures: int) -> dict[str, Any]:
    """A GET that may be asked again with the ETag of the answer before."""
    told = _operation(name, summary, _json(answer), *failures, *_ALWAYS)
    told["responses"]["200"]["headers"] = _ETAG
    told["responses"]["304"] = {"description": "As before", "headers": _ETAG}
    told["parameters"] = [
        {
            "name": "If-None-Match",
            "in": "header",
            "description": "ETag of the answer before",
            "schema": {"type": "string"},
        }
    ]
    return told


def _accounts() -> dict[str, Any]:
    told = _looking("accounts", "Accounts, the riskiest first", "Accounts", 400, 404, 409)
    text = {"type": "string", "maxLength": LONGEST}
    told["parameters"] += [
        _query("q", "Part of a name or id", text),
        _query("segment", "Only this segment", text),
        _query("csm", "Only this CSM's accounts", text),
        _query("band", "Only this band", {"type": "string", "enum": list(BANDS)}),
        _query("sort", "Order", {"type": "string", "enum": list(SORTS), "default": "risk"}),
        _query(
            "limit",
            "Accounts on a page",
            {"type": "integer", "minimum": 1, "maximum": MOST_ACCOUNTS, "default": MOST_ACCOUNTS},
        ),
        _query("cursor", "next_cursor of the page before", {"type": "string", "pattern": CURSOR}),
    ]
    return told


def _account() -> dict[str, Any]:
    told = _looking("account", "The current score of one account", "Score", 404)
    told["parameters"].append(_LANG)
    told["parameters"].append(
        {
            "name": "account_id",
            "in": "path",
            "required": True,
            "schema": {"type": "string", "minLength": 1, "maxLength": 200},
        }
    )
    return told


def _metrics() -> dict[str, Any]:
    return _operation("metrics", "Counters for Prometheus", _text(), *_ALWAYS)


def _open(name: str, summary: str, answer: dict[str, Any], *failures: int) -> dict[str, Any]:
    """What is asked without a key."""
    return {**_operation(name, summary, answer, 403, 500, *failures), "security": []}


def _operation(name: str, summary: str, answer: dict[str, Any], *failures: int) -> dict[str, Any]:
    refused = {
        str(status): {"description": _FAILURES[status], "content": _json("Error")}
        for status in sorted(failures)
    }
    return {
        "operationId": name,
        "summary": summary,
        "responses": {"200": {"description": "Done", "content": answer}, **refused},
    }


def _value(known: Mapping[str, Any]) -> dict[str, Any]:
    """Schema of one metric's value."""
    said = f"{known['label']} ({known['unit']})" if known["unit"] else known["label"]
    if known["kind"] == "category":
        return {"enum": [*known["levels"], None], "description": said}
    return {"type": ["number", "null"], "description": said}


def _query(name: str, description: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    return {"name": name, "in": "query", "description": description, "schema": schema}


def _json(form: str) -> dict[str, Any]:
    return {"application/json": {"schema": {"$ref": f"#/components/schemas/{form}"}}}


def _text() -> dict[str, Any]:
    return {"text/plain": {"schema": {"type": "string"}}}


_LANG = _query(
    "lang",
    "Language of labels and sentences; else the Accept-Language header's, else English",
    {"type": "string"},
)
_ETAG = {
    "ETag": {
        "description": "Stays while the scores say the same",
        "schema": {"type": "string"},
        "required": True,
    }
}
