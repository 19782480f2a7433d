"""A client that speaks to an ASGI application without a server."""

import asyncio
from collections.abc import Callable
from typing import Any

import httpx
import pytest

Ask = Callable[..., httpx.Response]


@pytest.fixture
def asking() -> Callable[[Any], Ask]:
    """From an application to a function that sends it one request."""

    def to(app: Any) -> Ask:
        def ask(method: str, path: str, **more: Any) -> httpx.Response:
            return asyncio.run(_ask(app, method, path, **more))

        return ask

    return to


async def _ask(app: Any, method: str, path: str, **more: Any) -> httpx.Response:
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://tenure") as client:
        return await client.request(method, path, **more)
