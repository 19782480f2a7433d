"""The way in for people: a form that takes a key and opens a session in this browser."""

from collections.abc import Callable
from urllib.parse import parse_qs, quote, urlsplit

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from serving.access import COOKIE, SESSION_SECONDS, Access, check_same_site
from serving.api import ApiError

Page = Callable[..., Response]


class Login:
    """Endpoints.

    Parameters
    ----------
    access : Access
    page : callable
        Renders a template, as `serving.web` does.
    """

    def __init__(self, access: Access, page: Page) -> None:
        self.access = access
        self.page = page

    @property
    def routes(self) -> list[Route]:
        """Where to come in and go out."""
        return [
            Route("/login", self.form, methods=["GET"]),
            Route("/login", self.enter, methods=["POST"]),
            Route("/logout", self.leave, methods=["POST"]),
        ]

    def form(self, request: Request) -> Response:
        """Ask for a key."""
        return self._form(request, request.query_params.get("next", "/"))

    async def enter(self, request: Request) -> Response:
        """Open a session, and go where the person wanted to."""
        check_same_site(request.headers)
        told = parse_qs((await request.body()).decode("utf-8", "replace"))
        wanted = told.get("next", ["/"])[0]
        try:
            _, session = self.access.open_session(told.get("key", [""])[0])
        except ApiError as error:
            if error.status != 401:
                raise
            request.state.code = error.code
            return self._form(request, wanted, problem=str(error), status=401)
        response = RedirectResponse(local(wanted), status_code=303)
        response.set_cookie(
            COOKIE,
            session,
            max_age=SESSION_SECONDS,
            httponly=True,
            samesite="lax",
            secure=request.url.scheme == "https",
        )
        return response

    async def leave(self, request: Request) -> Response:
        """End the session."""
        check_same_site(request.headers)
        response = RedirectResponse("/login", status_code=303)
        response.delete_cookie(COOKIE, httponly=True, samesite="lax")
        return response

    def _form(
        self, request: Request, wanted: str, problem: str = "", status: int = 200
    ) -> Response:
        return self.page(
            request, "login.html", status=status, wanted=local(wanted), refused=problem
        )


def way_in(path: str, query: str) -> str:
    """Address of the form, from which one comes back to where one was."""
    wanted = f"{path}?{query}" if query else path
    return "/login" if wanted == "/" else f"/login?next={quote(wanted, safe='')}"


def local(address: str) -> str:
    r"""Keep an address only if it lies on this service.

    Examples
    --------
    >>> local("/accounts/7?lang=de"), local("//evil.example"), local("/\\evil.example")
    ('/accounts/7?lang=de', '/', '/')
    """
    parts = urlsplit(address)
    fine = address.startswith("/") and not parts.scheme and not parts.netloc
    return address if fine and "\\" not in address and address.isprintable() else "/"
