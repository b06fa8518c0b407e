"""The control listener: programs of this machine read and change what misbehaves, in JSON.

It binds loopback alone. So that no page in a browser can use it, it answers only to this machine's
names (against DNS rebinding), takes JSON only, and allows no other origin anything.
"""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import msgspec
from aiohttp import web

from smki_testca.errors import EstateError, InputError, SmkiTestcaError
from smki_testca.estate_files import FILE_NAME
from smki_testca.service.context import CONTEXT
from smki_testca.service.misbehaviour.control_requests import NewRules
from smki_testca.service.misbehaviour.rule_plan import MisbehaviourRule
from smki_testca.text import plain, shown, use_one_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from smki_testca.service.context import Context

MAX_BODY = 64 * 1024
"""The longest body, in octets."""
_HOST = re.compile(r"(?:127\.0\.0\.1|localhost|\[::1\])(?::[0-9]{1,5})?", re.IGNORECASE)
_HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
_FILE = web.AppKey("file", object)
"""The identity of the estate's file as the services started."""
_STATUSES = {
    "control.host": HTTPStatus.FORBIDDEN,
    "control.type": HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    "misbehaviour.number": HTTPStatus.NOT_FOUND,
}
"""The HTTP status of the code of an error, where it is not 400."""


def application(context: Context) -> web.Application:
    """The application of the control listener."""
    app = web.Application(middlewares=[_guard], client_max_size=MAX_BODY)
    app[CONTEXT] = context
    app[_FILE] = _identity(context)
    app.add_routes(
        [
            web.get("/health", _health),
            web.get("/services", _services),
            web.get("/misbehaviour", _rules),
            web.post("/misbehaviour", _add),
            web.delete("/misbehaviour", _clear),
            web.delete(r"/misbehaviour/{number:[0-9]{1,9}}", _remove),
        ]
    )
    return app


@web.middleware
async def _guard(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Check whom the request is for, and answer every error in JSON."""
    try:
        _check_host(request)
        return await handler(request)
    except web.HTTPException as error:
        return _failed(_own(request, error), error.status, error.headers.get("Allow"))
    except SmkiTestcaError as error:
        return _failed(error)
    except ConnectionError:
        raise  # the client is gone
    except Exception as error:  # noqa: BLE001 - whatever it is, the service goes on
        fault = f"{type(error).__name__}: {error}"
        request.app[CONTEXT].tell(f"internal error: {fault}")
        return _failed(SmkiTestcaError("fault", f"Internal error: {fault}."))


def _check_host(request: web.Request) -> None:
    given = request.headers.get("Host", "")
    if not _HOST.fullmatch(given):
        raise InputError(
            "control.host",
            f"The control listener does not answer to the host {shown(given)}.",
            "Call it at localhost or 127.0.0.1.",
        )


def _own(request: web.Request, error: web.HTTPException) -> SmkiTestcaError:
    """An error of HTTP as one of ours."""
    match error.status:
        case HTTPStatus.NOT_FOUND:
            return InputError(
                "control.path",
                f"There is nothing at {shown(request.path)}.",
                "Use /health, /services or /misbehaviour.",
            )
        case HTTPStatus.METHOD_NOT_ALLOWED:
            return InputError(
                "control.method",
                f"{request.path} does not take {shown(request.method)}.",
                use_one_of(error.headers.get("Allow", "").split(",")),
            )
        case HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
            return InputError(
                "control.too_long",
                f"The body is longer than {MAX_BODY:,} octets.",
                "Send fewer rules.",
            )
    reason = plain(error.text or error.reason).rstrip(".")
    return InputError("control.http", f"The request failed: {reason}.")


def no_request(status: int, line: str) -> web.Response:
    """The answer to what is no request.

    Args:
        status: of HTTP.
        line: what is wrong.
    """
    return _failed(InputError("control.http", line, "Send a request of HTTP/1.1."), status)


def _failed(
    error: SmkiTestcaError, status: int | None = None, allow: str | None = None
) -> web.Response:
    if status is None:
        is_input = isinstance(error, InputError)
        status = _STATUSES.get(error.code, HTTPStatus.BAD_REQUEST if is_input else 503)
    headers = _HEADERS | ({} if allow is None else {"Allow": allow})
    return web.json_response(error.as_json(), status=status, headers=headers)


def _answer(content: dict[str, Any], status: int = HTTPStatus.OK) -> web.Response:
    return web.json_response(content, status=status, headers=_HEADERS)


def _identity(context: Context) -> tuple[int, int] | None:
    """The identity of the estate's file among those of its name; None if there is none."""
    try:
        status = (context.access.directory / FILE_NAME).stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


async def _health(request: web.Request) -> web.Response:
    """Whether the services answer, and the estate behind them."""
    context = request.app[CONTEXT]
    if _identity(context) != request.app[_FILE]:
        raise EstateError(
            "service.estate_gone",
            f"The estate in {context.access.directory} was removed or replaced since serve began.",
            "Start serve again.",
        )
    if context.desk.failure is not None:
        return _failed(context.desk.failure)
    number = await context.desk.read(lambda estate: estate.audit.head().number)
    return _answer({"status": "ok", "version": context.build, "audit": number})


async def _services(request: web.Request) -> web.Response:
    return _answer({"services": request.app[CONTEXT].served})


async def _rules(request: web.Request) -> web.Response:
    plan = request.app[CONTEXT].misbehaviour
    return _answer({"rules": [state.as_json() for state in plan.states()]})


async def _add(request: web.Request) -> web.Response:
    if request.content_type != "application/json":
        raise InputError(
            "control.type",
            f"The control listener does not read {shown(request.content_type)}.",
            "Send application/json.",
        )
    try:
        new_rules = msgspec.json.decode(await request.read(), type=NewRules)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise InputError(
            "control.json",
            f"The body is not what is read here: {error}.",
            'Send an object such as {"rules": ["adhoc=503:3"]}.',
        ) from error
    plan = request.app[CONTEXT].misbehaviour
    added = plan.add(*map(MisbehaviourRule.parse, new_rules.rules), seed=new_rules.seed)
    return _answer({"rules": [state.as_json() for state in added]}, HTTPStatus.CREATED)


async def _clear(request: web.Request) -> web.Response:
    removed = request.app[CONTEXT].misbehaviour.clear()
    return _answer({"removed": [state.as_json() for state in removed]})


async def _remove(request: web.Request) -> web.Response:
    removed = request.app[CONTEXT].misbehaviour.remove(int(request.match_info["number"]))
    return _answer({"removed": [removed.as_json()]})
