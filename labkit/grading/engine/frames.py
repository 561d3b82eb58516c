"""Frames over a stream socket: two lengths, a JSON header, a body of bytes.

Both halves of the engine speak this. What arrives from the sandbox was perhaps written by a student's code, so a
receiver states how much it accepts before it reads a byte, and anything else raises ``Tampered``.
"""

import json
import socket
import struct
import time
from typing import Any

LENGTHS = struct.Struct(">II")
CHUNK = 1 << 18
ORDER = struct.Struct("!cI")  # the supervisor to the server: what to do, with which submission
READY = b"r"  # a submission to the supervisor, instead of a frame: no frame begins with it

Frame = tuple[dict[str, Any], bytes]


class Tampered(Exception):
    """Bytes that the other side, if it is the one we started, does not send."""


class Closed(Exception):
    """The other side is gone."""


class Stalled(Exception):
    """The other side does not take what is sent to it."""


def encode(header: dict[str, Any], body: bytes = b"") -> bytes:
    """A frame as bytes. Unpaired surrogates, which UTF-8 can't carry, become question marks."""
    head = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
    return LENGTHS.pack(len(head), len(body)) + head + body


def decode_header(data: bytes) -> dict[str, Any]:
    """The JSON object of a frame.

    Raises:
        Tampered: if it is none.
    """

    def refuse(constant: str) -> None:
        raise ValueError(f"{constant} is no JSON")

    try:
        header = json.loads(data, parse_constant=refuse)
    except (ValueError, RecursionError) as error:
        raise Tampered(f"a header that is no JSON ({type(error).__name__})") from error
    if not isinstance(header, dict):
        raise Tampered("a header that is no JSON object")
    return header


class Channel:
    """One end of a socket that carries frames.

    Args:
        max_header: bytes of a header that are accepted.
        max_body: bytes of a body that are accepted.
        single: take a second frame behind the first for tampering, as where each reply follows one request.
    """

    def __init__(self, sock: socket.socket, *, max_header: int, max_body: int = 0, single: bool = True) -> None:
        self.sock = sock
        self.max_header, self.max_body, self.single = max_header, max_body, single
        self.buffer = bytearray()

    def fileno(self) -> int:
        return self.sock.fileno()

    def close(self) -> None:
        self.sock.close()

    def send(self, header: dict[str, Any], body: bytes = b"", *, seconds: float | None = None) -> None:
        """Send a frame.

        Raises:
            Closed: if nobody is there.
            Stalled: if it is not taken within ``seconds``.
        """
        self.sock.settimeout(seconds)
        try:
            self.sock.sendall(encode(header, body))
        except TimeoutError as error:
            raise Stalled from error
        except OSError as error:
            raise Closed from error

    def pump(self) -> Frame | None:
        """Take what has arrived, without waiting; the next frame once it is complete.

        Raises:
            Tampered: if what arrives can't be a frame, or follows one unasked.
            Closed: if the other side is gone.
        """
        frame = self.take()
        if frame is not None:
            return frame
        self.sock.setblocking(False)
        try:
            self.more()
        except BlockingIOError:
            return None
        return self.take()

    def receive(self, *, seconds: float | None = None) -> Frame:
        """Wait for a frame.

        Raises:
            Tampered, Closed: as ``pump``.
            Stalled: if none is complete within ``seconds``.
        """
        deadline = None if seconds is None else time.monotonic() + seconds
        while (frame := self.take()) is None:
            self.sock.settimeout(None if deadline is None else max(deadline - time.monotonic(), 1e-3))
            try:
                self.more()
            except TimeoutError as error:
                raise Stalled from error
        return frame

    def more(self) -> None:
        """Read once into the buffer."""
        try:
            data = self.sock.recv(CHUNK)
        except (TimeoutError, BlockingIOError):
            raise
        except OSError as error:
            raise Closed from error
        if not data:
            raise Closed
        self.buffer += data

    def take(self) -> Frame | None:
        """The frame in the buffer, if it is complete."""
        if len(self.buffer) < LENGTHS.size:
            return None
        head, body = LENGTHS.unpack_from(self.buffer)
        if head > self.max_header or body > self.max_body:
            raise Tampered(f"a frame of {head} + {body} bytes; at most {self.max_header} + {self.max_body} are taken")
        end = LENGTHS.size + head + body
        if len(self.buffer) < end:
            return None
        if self.single and len(self.buffer) > end:
            raise Tampered("more than one reply")
        frame = bytes(self.buffer[LENGTHS.size : end])
        del self.buffer[:end]
        return decode_header(frame[:head]), frame[head:]

    def pending(self) -> bool:
        """Whether something has arrived that nobody asked for."""
        if self.buffer:
            return True
        self.sock.setblocking(False)
        try:
            return bool(self.sock.recv(1, socket.MSG_PEEK))
        except OSError:
            return False
