"""Mutual TLS: a folder says who this process is and whom it trusts, and is read again when it changes."""

from __future__ import annotations

import ssl
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import grpc

from services.shared import telemetry
from services.shared.config import Settings
from services.shared.errors import Misconfigured

# As cert-manager lays out its secrets.
_CERTIFICATE: Final = "tls.crt"
_KEY: Final = "tls.key"
_AUTHORITY: Final = "ca.crt"
_FILES: Final = (_CERTIFICATE, _KEY, _AUTHORITY)

# What tells one version of the files from another, without reading them.
_Stamp = tuple[tuple[int, int, int], ...]


@dataclass(frozen=True, slots=True)
class Identity:
    """What the files hold, in PEM.

    Attributes:
        certificate: Of this process, with those between it and the authority.
        key: That belongs to it.
        authority: Whose certificates are trusted.
    """

    certificate: bytes
    key: bytes = field(repr=False)
    authority: bytes

    def for_channel(self) -> grpc.ChannelCredentials:
        """Return what a client shows and trusts."""
        return grpc.ssl_channel_credentials(self.authority, self.key, self.certificate)

    def for_server(self) -> grpc.ServerCertificateConfiguration:
        """Return what a server shows and trusts."""
        return grpc.ssl_server_certificate_configuration([(self.key, self.certificate)], self.authority)


class Identities:
    """The identity of this process as it is now. For any number of threads.

    Args:
        folder: Holds tls.crt, tls.key and ca.crt.

    Raises:
        Misconfigured: a file is missing or wrong.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._seen = _stamp(folder)
        self._identity = _read(folder)

    @classmethod
    def of(cls, settings: Settings) -> Identities | None:
        """Return those of the settings' folder; None when the services talk without TLS."""
        return None if settings.tls_dir is None else cls(settings.tls_dir)

    def now(self) -> Identity:
        """Return the newest identity that can be used: the same object for as long as none is newer."""
        with self._lock:
            try:
                self._renew()
            except Misconfigured as error:
                telemetry.logger().error("renewed certificate not used", detail=error.detail)
            return self._identity

    def _renew(self) -> None:
        seen = _stamp(self._folder)
        if seen == self._seen:
            return
        # Files that are wrong are looked at again when they have changed again.
        self._seen = seen
        identity = _read(self._folder)
        if identity != self._identity:
            telemetry.logger().info("certificate renewed")
            self._identity = identity

    def for_server(self) -> grpc.ServerCredentials:
        """Return a server's credentials: it asks clients for theirs, and shows each connection the newest."""
        shown = self.now()

        def renewed() -> grpc.ServerCertificateConfiguration | None:
            nonlocal shown
            before, shown = shown, self.now()
            return None if shown is before else shown.for_server()

        return grpc.dynamic_ssl_server_credentials(
            shown.for_server(),
            renewed,  # type: ignore[arg-type]  # None is allowed: nothing new
            require_client_authentication=True,
        )


def _stamp(folder: Path) -> _Stamp:
    try:
        states = [(folder / name).stat() for name in _FILES]
    except OSError as error:
        raise _missing(folder, error) from None
    return tuple((state.st_ino, state.st_mtime_ns, state.st_size) for state in states)


def _read(folder: Path) -> Identity:
    """Read the files, and see that they belong together.

    A file that is replaced meanwhile shows in the next stamp, which was taken before.
    """
    certificate, key, authority = (folder / name for name in _FILES)
    try:
        identity = Identity(certificate.read_bytes(), key.read_bytes(), authority.read_bytes())
    except OSError as error:
        raise _missing(folder, error) from None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        context.load_cert_chain(certificate, key, password="")
    except (ssl.SSLError, ValueError) as error:
        raise _wrong(folder, f"{_CERTIFICATE} and {_KEY}", error) from None
    try:
        context.load_verify_locations(cadata=identity.authority.decode("ascii"))
    except (ssl.SSLError, ValueError) as error:
        raise _wrong(folder, _AUTHORITY, error) from None
    return identity


def _missing(folder: Path, error: OSError) -> Misconfigured:
    name = Path(str(error.filename)).name
    return Misconfigured(
        f"DRAGOMAN_TLS_DIR: {folder / name} cannot be read ({error.strerror});"
        f" put {', '.join(_FILES)} there, or unset it to go without TLS.",
        code="tls_files",
    )


def _wrong(folder: Path, names: str, error: Exception) -> Misconfigured:
    reason = getattr(error, "reason", None) or type(error).__name__
    return Misconfigured(
        f"DRAGOMAN_TLS_DIR: {names} in {folder} are no matching PEM files ({reason}); issue them again.",
        code="tls_files",
    )
