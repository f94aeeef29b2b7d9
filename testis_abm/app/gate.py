"""Who may speak to the app, by which name, how often, and what its answers allow a browser: around Solara's own server.

It is an ASGI application around another, so that it leans on nothing of Solara but its addresses.
"""

from __future__ import annotations

import asyncio
import logging
import os
import re
import time
import warnings
from collections import Counter, OrderedDict, deque
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from starlette.datastructures import Headers, QueryParams
from starlette.requests import HTTPConnection, cookie_parser
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocketClose

from testis_abm.app.addresses import names, netloc, origin
from testis_abm.app.messages import Budget, Unbelievable, begins, read
from testis_abm.app.offline import ASSETS, early, stay_here
from testis_abm.support.errors import printable

_log = logging.getLogger("testis_abm.app")

MOST_PAGES = 50  # open at a time, each with a kernel and a thread of its own
_SOCKETS_A_PAGE = 2  # a page that comes back may still hold its old one
_MOST_BEGINNINGS = 100  # of one page: each makes all of it again
_LARGEST_BODY = 10_000  # bytes; files come over the WebSocket
LONGEST_HEADER = 65_536  # bytes: all that share a host share its cookies
# Seconds. A page speaks as soon as it is connected; one that is closed for its silence connects again by itself.
_SILENT_AT_FIRST, _SILENT = 30.0, 7200.0
# Names of origins for `solara run`, which has no option for them; several are separated by spaces.
VARIABLE = "TESTIS_ABM_ALLOW_ORIGIN"
# A browser makes up the id of its page, of which Solara makes a kernel, and of the connection.
_PAGE_ID, _CONNECTION_ID = (
    re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"),
    re.compile(r"[\w-]{1,100}", re.ASCII),
)
_SESSION = "solara-session-id"  # the cookie by which Solara knows a browser
_MOST_VISITS = 10_000  # that are remembered, of browsers and of pages
_LOADED_IN = 600.0  # seconds within which a page that was served begins
_CHANNEL, _CDN, _CLOSE, _OF_THE_MACHINE = "/jupyter/api/kernels/", "/_solara/cdn/", "/_solara/api/close/", "/resourcez"
# Solara takes these from anybody, keeps what the first says, and gives it to all others.
_OF_A_PROXY = {b"script-name", b"x-script-name", b"x-forwarded-host", b"x-forwarded-proto"}
_NEXT = "close one that is not needed, or try again in some minutes"


class Visits:
    """Which pages were served, and to which browsers: a page may speak if it was asked for first.

    As many pages may begin as were served of late, by browsers that one was served to; each may come back. Two pages of
    a browser that asked for both before it had its cookie hold the cookie of one: so pages are counted over all
    browsers.
    """

    def __init__(self) -> None:
        self._browsers: OrderedDict[str, None] = OrderedDict()
        self._owners: OrderedDict[str, str] = OrderedDict()
        self._served: deque[float] = deque(maxlen=_MOST_VISITS)

    def serve(self, session: str) -> None:
        """Remember that a page was served to a browser."""
        _remember(self._browsers, session, None)
        self._served.append(time.monotonic())

    def knows(self, session: str, kernel: str) -> bool:
        """Return whether a page is one of those that were served, and this browser's."""
        if kernel in self._owners:
            return self._owners[kernel] == session
        while self._served and time.monotonic() - self._served[0] > _LOADED_IN:
            self._served.popleft()
        return session in self._browsers and bool(self._served)

    def begin(self, session: str, kernel: str) -> None:
        """Remember which page it is that was served; for one that `knows` lets in."""
        if kernel not in self._owners:
            self._served.popleft()
        _remember(self._owners, kernel, session)


def _remember[Of](table: OrderedDict[str, Of], key: str, value: Of) -> None:
    """Put an entry at the end; forget the oldest of too many."""
    table[key] = value
    table.move_to_end(key)
    if len(table) > _MOST_VISITS:
        table.popitem(last=False)


class Gate:
    """Lets in what comes by the app's own address, within the limits, and tells everything else why not.

    Args:
        app: what is served.
        host: that the app was told to listen on, allowed as a name; "" for none.
        origins: of proxies in front, as `origin` returns them.
        kernels: the ids of the pages that Solara holds, those too that have been cut off a moment ago.
        assets: folder of what is asked for as if from a network of content.
        early: headers `Link` of the page: what a browser fetches before it knows that it needs it.

    Attributes:
        most: pages at a time.
        silent_at_first, silent: seconds after which a WebSocket that says nothing is closed.
    """

    most, silent_at_first, silent = MOST_PAGES, _SILENT_AT_FIRST, _SILENT

    def __init__(
        self,
        app: ASGIApp,
        host: str = "",
        origins: Iterable[str] = (),
        *,
        kernels: Collection[str] = (),
        assets: Path | None = None,
        early: Iterable[str] = (),
    ) -> None:
        self.app = app
        self._host = host
        self._origins = tuple(origins)
        self._kernels, self._assets = kernels, assets
        self._early = [(b"link", value.encode()) for value in early]
        self._sockets: Counter[str] = Counter()
        self._begun: Counter[str] = Counter()
        self._visits = Visits()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve as ASGI has it."""
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        refusal = self._stranger(scope) or (self._odd(scope) if scope["type"] == "http" else self._unwelcome(scope))
        if refusal:
            await _refusing(scope, *refusal)(scope, receive, send)
            return
        if not self._origins:
            scope["headers"] = [(name, value) for name, value in scope["headers"] if name not in _OF_A_PROXY]
        if scope["type"] == "http":
            await self.app(scope, receive, self._with_headers(scope, send))
        else:
            await self._converse(scope, receive, send)

    # ---- by which address

    def _stranger(self, scope: Scope) -> tuple[int, str] | None:
        local, port = (scope.get("server") or ("", None))[:2]
        scheme = "https" if scope.get("scheme") in ("https", "wss") else "http"
        own = [netloc(name, port, scheme) for name in names(self._host, local or "")]
        known = {*own, *(urlsplit(value).netloc for value in self._origins)}
        hosts = _values(scope, "host")
        if len(hosts) != 1 or hosts[0] not in known:
            called = printable(hosts[0])[:100] if len(hosts) == 1 else "no name"
            mend = f"if it should, start it with --allow-origin {scheme}://{called}"
            return 403, f"This app does not answer to {called}; {mend}."
        allowed = {*(f"{scheme}://{value}" for value in own), *self._origins}
        wrong = [value for value in _values(scope, "origin") if value not in allowed]
        if wrong:
            return 403, f"Pages of {printable(wrong[0])[:100]} may not use this app."
        return None

    # ---- within the limits

    def _odd(self, scope: Scope) -> tuple[int, str] | None:
        """Return why an HTTP request is refused."""
        path = scope["path"]
        lengths = _values(scope, "content-length")
        large = any(not value.isdecimal() or len(value) > 9 or int(value) > _LARGEST_BODY for value in lengths)
        if large or _values(scope, "transfer-encoding"):
            return 413, f"A request has at most {_LARGEST_BODY:,} bytes."
        if path.startswith(_CLOSE) and not (_PAGE_ID.fullmatch(path.removeprefix(_CLOSE)) and _connection(scope)):
            return 400, "This is no page."
        if path == _OF_THE_MACHINE or (path.startswith(_CDN) and not self._has(path.removeprefix(_CDN))):
            return 404, "This is no part of the page; nothing is fetched from elsewhere."
        if path == "/" and len(self._open()) >= self.most:
            return 503, f"{self.most} pages are open, as many as this app serves at a time; {_NEXT}."
        return None

    def _has(self, path: str) -> bool:
        """Return whether a file is among the assets; Solara would ask another host for one that is not."""
        if self._assets is None:
            return False
        root = self._assets.resolve()
        try:
            file = (root / path.lstrip("/")).resolve()
            return file.is_relative_to(root) and file.is_file()
        except (OSError, ValueError):
            return False

    def _unwelcome(self, scope: Scope) -> tuple[int, str] | None:
        """Return why a WebSocket is refused."""
        if not _kernel(scope) or not _connection(scope):
            return 400, "This is no channel of a page."
        if not self._visits.knows(_session(scope), _kernel(scope)):
            return 403, "This page was not served by this app, or before it was restarted; load it again."
        if _kernel(scope) not in (pages := self._open()) and len(pages) >= self.most:
            return 503, f"{self.most} pages are open, as many as this app serves at a time; {_NEXT}."
        if self._sockets.total() >= _SOCKETS_A_PAGE * self.most:
            return 503, f"Too many connections are open; {_NEXT}."
        return None

    def _open(self) -> set[str]:
        return {*self._kernels, *self._sockets}

    # ---- what is said

    async def _converse(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand on the messages of a WebSocket that hold; close it at the first that does not, or after a long silence."""
        kernel = _kernel(scope)
        channel = _Channel(receive, send, self._begun, kernel, (self.silent_at_first, self.silent))
        self._visits.begin(_session(scope), kernel)
        self._sockets[kernel] += 1
        try:
            await self.app(scope, channel.receive, channel.send)
        except Exception as error:  # of Solara or of what it serves: the next page must go on
            _log.error("A page has ended: %s", type(error).__name__, exc_info=error)
            await channel.end(1011, "the app could not go on")
        finally:
            self._sockets[kernel] -= 1
            self._sockets += Counter()  # forget who has gone
            for page in self._begun.keys() - self._open():
                del self._begun[page]

    # ---- what an answer allows

    def _with_headers(self, scope: Scope, send: Send) -> Send:
        own = [(k.encode(), value.encode()) for k, value in _headers(_values(scope, "host")[0], self._origins).items()]

        if scope["path"] == "/":
            own += self._early

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*self._noted(scope, message.get("headers", ())), *own]
            await send(message)

        return sending

    def _noted(self, scope: Scope, headers: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
        """Return the headers of an answer; remember whom a page is served to."""
        noted: list[tuple[bytes, bytes]] = []
        for name, value in headers:
            if name.lower() == b"set-cookie" and value.startswith(f"{_SESSION}=".encode()):
                self._visits.serve(cookie_parser(value.decode("latin-1")).get(_SESSION, ""))
                # One that a browser kept would begin without having been served.
                noted.append((b"cache-control", b"no-store"))
                if scope.get("scheme") == "http":  # where some browsers drop a cookie that is for https alone
                    value = re.sub(rb"(?i)samesite=none", b"SameSite=lax", re.sub(rb"(?i); *secure\b", b"", value))
            noted.append((name, value))
        return noted


class _Channel:
    """The messages of a page, as far as they hold.

    Args:
        receive, send: of the WebSocket.
        begun: how often each page has begun; kernel: which one this is.
        patience: seconds that it may be silent, at first and later.
    """

    def __init__(
        self, receive: Receive, send: Send, begun: Counter[str], kernel: str, patience: tuple[float, float]
    ) -> None:
        self._receive, self._send, self._begun, self._kernel = receive, send, begun, kernel
        self._patience, self._later = patience
        self._budget, self._over = Budget(), False

    async def end(self, code: int, reason: str) -> Message:
        """Close the WebSocket, unless it is; return what tells the app so."""
        if not self._over:
            self._over = True
            await self._send({"type": "websocket.close", "code": code, "reason": reason})
        return {"type": "websocket.disconnect", "code": code, "reason": reason}

    async def receive(self) -> Message:
        """Return the next message."""
        try:
            message = await asyncio.wait_for(self._receive(), self._patience)
        except TimeoutError:
            return await self.end(1001, "no message came for too long")
        if message["type"] != "websocket.receive":
            return message
        try:
            self._begun[self._kernel] += begins(read(message))
        except Unbelievable as reason:
            return await self.end(1007, str(reason))
        if self._begun[self._kernel] > _MOST_BEGINNINGS:
            return await self.end(1008, "the page was begun too often; open it again")
        self._patience = self._later
        await self._budget.spend(len(message.get("text") or message.get("bytes") or ""))
        return message

    async def send(self, message: Message) -> None:
        """Hand on what the app says, until the WebSocket is closed."""
        if not self._over:
            await self._send(message)


def _headers(host: str, origins: Iterable[str]) -> dict[str, str]:
    """Return the headers of each answer: the page takes everything from here, and nobody else may hold it in a frame."""
    # Vue compiles the templates of widgets in the browser and loads the modules that it makes of them; Solara's page has scripts and styles in it.
    policy = {
        "default-src": "'self'",
        "script-src": "'self' 'unsafe-inline' 'unsafe-eval' blob:",
        "style-src": "'self' 'unsafe-inline'",
        "img-src": "'self' data: blob:",
        "font-src": "'self' data:",
        "connect-src": f"'self' blob: ws://{host} wss://{host}",
        "worker-src": "'self' blob:",
        "frame-src": "'none'",
        "object-src": "'none'",
        "base-uri": "'self'",
        "form-action": "'self'",
        "frame-ancestors": " ".join(("'self'", *origins)),
    }
    return {
        "content-security-policy": "; ".join(f"{name} {value}" for name, value in policy.items()),
        "cross-origin-resource-policy": "same-origin",
        "referrer-policy": "same-origin",
        "x-content-type-options": "nosniff",
    }


def _values(scope: Scope, name: str) -> list[str]:
    return [value.strip().lower() for value in Headers(scope=scope).getlist(name)]


def _connection(scope: Scope) -> str:
    """Return the id that a page gives its connection; empty if it is none."""
    given = QueryParams(scope.get("query_string", b"")).get("session_id", "")
    return given if _CONNECTION_ID.fullmatch(given) else ""


def _kernel(scope: Scope) -> str:
    """Return the id of the kernel to whose channel a WebSocket goes; empty if it goes elsewhere."""
    path: str = scope["path"]
    kernel, _, channel = path.removeprefix(_CHANNEL).partition("/")
    return kernel if path.startswith(_CHANNEL) and channel == "channels" and _PAGE_ID.fullmatch(kernel) else ""


def _session(scope: Scope) -> str:
    """Return the cookie of the browser, as Solara reads it."""
    return HTTPConnection(scope).cookies.get(_SESSION, "")


def _refusing(scope: Scope, status: int, reason: str) -> ASGIApp:
    """Return what tells a browser why it is refused; a server that cannot answer a WebSocket closes it."""
    if scope["type"] == "websocket" and "websocket.http.response" not in scope.get("extensions", {}):
        return WebSocketClose(1008, reason)
    return PlainTextResponse(f"{reason}\n", status, {"x-content-type-options": "nosniff"})


def put_up(host: str = "", origins: Iterable[str] = ()) -> Any:
    """Put the gate before Solara's server, once; return the server.

    The command does it before it serves; under `solara run` the page does, whose server is running by then.
    """
    from testis_abm.app import log

    _quiet()
    import solara.server.kernel_context
    import solara.server.settings
    import solara.server.starlette
    import websockets.http11

    app = solara.server.starlette.app
    if getattr(app.state, "gate", None) is None:
        # Cookies of all that runs on this host come with the upgrade; the library's limit is 8 kB.
        websockets.http11.MAX_LINE_LENGTH = max(websockets.http11.MAX_LINE_LENGTH, LONGEST_HEADER)
        origins = [*origins, *(origin(value) for value in os.environ.get(VARIABLE, "").split())]
        log.keep_short()
        stay_here()
        stack = app.middleware_stack or app.build_middleware_stack()
        app.state.gate = app.middleware_stack = Gate(
            stack, host, origins, kernels=solara.server.kernel_context.contexts, assets=ASSETS, early=early()
        )
    return app


def _quiet() -> None:
    """Leave out what Solara's own code is warned of, or warns of, and nobody who runs the app can mend."""
    # Solara and Uvicorn import a part of websockets that is no longer used when either serves (websockets 14 and
    # later).
    warnings.filterwarnings("ignore", "websockets\\.legacy is deprecated", DeprecationWarning)
    # Said of each page at http://127.0.0.1, where a cookie needs no https.
    warnings.filterwarnings("ignore", "Cookies with samesite=none require https", UserWarning)
