"""A client of the job API that does what a good one does: it tries again, with the same key."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import httpx

FINAL: Final = frozenset({"succeeded", "partially_succeeded", "failed", "cancelled"})
_PAUSE_S: Final = 0.1
_MOST_S: Final = 90.0

Job = dict[str, Any]


class Client:
    """Talks to a gateway that may be away for a while.

    Args:
        base: Its URL.
        key_file: Holds the admin key, once the gateway has made one.
    """

    def __init__(self, base: str, key_file: Path) -> None:
        self._key_file = key_file
        self._http = httpx.Client(base_url=base, timeout=20, trust_env=False)

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def ready(self) -> bool:
        """Say whether the gateway and all that it needs are there."""
        try:
            return self._http.get("/readyz").status_code == httpx.codes.OK
        except httpx.TransportError:
            return False

    def submit(self, spec: Job, file: bytes | None = None, key: str | None = None) -> str:
        """Hand in a job, again and again with one key until it is accepted; return its id."""
        key = key or uuid.uuid4().hex
        return str(self._insist(lambda: self.post(spec, file, key), httpx.codes.ACCEPTED).json()["id"])

    def post(self, spec: Job, file: bytes | None, key: str) -> httpx.Response:
        """Try once to hand in a job."""
        headers = self._headers() | {"Idempotency-Key": key}
        if file is None:
            return self._http.post("/v1/jobs", json=spec, headers=headers)
        parts = {"file": ("call.wav", file)}
        return self._http.post("/v1/jobs", files=parts, data={"spec": json.dumps(spec)}, headers=headers)

    def job(self, job: str) -> Job:
        """Return a job as it stands."""
        found: Job = self._get(f"/v1/jobs/{job}").json()
        return found

    def jobs(self) -> list[Job]:
        """Return the newest 200 jobs."""
        page: list[Job] = self._get("/v1/jobs?page_size=200").json()["jobs"]
        return page

    def wait(self, job: str, most_s: float = _MOST_S) -> Job:
        """Return a job once it is over; give up when it was not after `most_s` seconds."""
        deadline = time.monotonic() + most_s
        while (found := self.job(job))["state"] not in FINAL:
            assert time.monotonic() < deadline, f"not over after {most_s:g} s: {found}"
            time.sleep(_PAUSE_S)
        return found

    def cancel(self, job: str) -> httpx.Response:
        """Ask for the end of a job."""
        return self._http.post(f"/v1/jobs/{job}/cancel", headers=self._headers())

    def retry(self, job: str) -> httpx.Response:
        """Ask for a job's dead units to be run again."""
        return self._http.post(f"/v1/jobs/{job}/retry", headers=self._headers())

    def erase(self, job: str) -> None:
        """Have a job forgotten that is over; again is no error."""
        deadline = time.monotonic() + _MOST_S
        while time.monotonic() < deadline:
            with suppress(httpx.TransportError):
                status = self._http.delete(f"/v1/jobs/{job}", headers=self._headers()).status_code
                if status in {httpx.codes.NO_CONTENT, httpx.codes.NOT_FOUND}:
                    return
            time.sleep(_PAUSE_S)
        raise AssertionError("the job was not erased")

    def file(self, job: str, name: str) -> bytes:
        """Return one of a job's files."""
        return self._get(f"/v1/jobs/{job}/artifacts/{name}").content

    def _get(self, path: str) -> httpx.Response:
        return self._insist(lambda: self._http.get(path, headers=self._headers()), httpx.codes.OK)

    def _insist(self, ask: Callable[[], httpx.Response], wanted: httpx.codes) -> httpx.Response:
        """Ask until the answer is the wanted one; a refusal that will not change ends it at once."""
        deadline = time.monotonic() + _MOST_S
        while True:
            answer: httpx.Response | None = None
            try:
                answer = ask()
            except httpx.TransportError as error:
                why = repr(error)
            else:
                if answer.status_code == wanted:
                    return answer
                why = f"{answer.status_code} {answer.text}"
            passing = answer is None or answer.status_code >= 500 or answer.status_code == 429
            assert passing, why
            assert time.monotonic() < deadline, why
            time.sleep(_PAUSE_S)

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._key_file.read_text().strip()}"}
