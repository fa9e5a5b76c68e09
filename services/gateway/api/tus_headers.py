"""What the description of the API says of the tus protocol: its headers and bodies, route by route."""

from __future__ import annotations

from typing import Any, Final

VERSION: Final = "1.0.0"
OFFSET_TYPE: Final = "application/offset+octet-stream"

_BYTES: Final = {"type": "integer", "minimum": 0}
_DATE: Final = {"type": "string", "description": "When the upload expires (RFC 9110)."}
_SPOKEN: Final = {"const": VERSION}


def _header(name: str, schema: dict[str, Any], *, required: bool = False) -> dict[str, Any]:
    return {"name": name, "in": "header", "required": required, "schema": schema}


_VERSION: Final = _header("Tus-Resumable", _SPOKEN, required=True)
_CHECKSUM: Final = _header(
    "Upload-Checksum",
    {"type": "string", "pattern": "^(sha1|sha256|sha512) [A-Za-z0-9+/]+=*$", "description": "Of the body."},
)


def _answer(text: str, **headers: dict[str, Any]) -> dict[str, Any]:
    named = {name.replace("_", "-"): {"schema": schema} for name, schema in headers.items()}
    return {"description": text, "headers": {"Tus-Resumable": {"schema": _SPOKEN}, **named}}


def _contract(parameters: list[dict[str, Any]], status: str, answer: dict[str, Any]) -> dict[str, Any]:
    return {"parameters": parameters, "responses": {status: answer}}


def _body(*, required: bool) -> dict[str, Any]:
    binary = {"type": "string", "format": "binary"}
    return {"requestBody": {"required": required, "content": {OFFSET_TYPE: {"schema": binary}}}}


_TAKEN: Final = _answer("What is there now", Upload_Offset=_BYTES, Upload_Expires=_DATE)

OPTIONS: Final = {"responses": {"204": _answer("What is spoken here", Tus_Version=_SPOKEN)}}
CREATE: Final = {
    **_contract(
        [
            _VERSION,
            _header("Upload-Length", _BYTES, required=True),
            _header("Upload-Metadata", {"type": "string", "description": "Names and values in base64."}),
            _header("Upload-Checksum", {"type": "string", "description": "Of the body, if there is one."}),
        ],
        "201",
        _answer("Begun", Location={"type": "string"}, Upload_Offset=_BYTES, Upload_Expires=_DATE),
    ),
    **_body(required=False),
}
LOOK: Final = _contract(
    [_VERSION], "200", _answer("How much is there", Upload_Offset=_BYTES, Upload_Length=_BYTES)
)
ADD: Final = {
    **_contract([_VERSION, _header("Upload-Offset", _BYTES, required=True), _CHECKSUM], "204", _TAKEN),
    **_body(required=True),
}
OVERRIDE: Final = _contract(
    [
        _VERSION,
        _header("X-HTTP-Method-Override", {"enum": ["PATCH", "DELETE"]}, required=True),
        _header("Upload-Offset", _BYTES),
    ],
    "204",
    _answer("As that method answers"),
)
END: Final = _contract([_VERSION], "204", _answer("Gone"))
