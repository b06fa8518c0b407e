"""Services that misbehave on purpose, so that clients can be tested against it."""

from smki_testca.service.misbehaviour.handshakes import install_handshakes
from smki_testca.service.misbehaviour.middleware import content_mode, install

__all__ = ["content_mode", "install", "install_handshakes"]
