"""Secrets encrypted at rest: AES-256-GCM under keys that are derived from SECRET_KEY.

What is sealed is `v1.KEY.DATA`: the version of this format, which key it was, and nonce and cipher text in base64. All
of that, and what it is for, is authenticated: whatever was changed, cut or put elsewhere is not opened.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
from collections.abc import Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from cronapp.core.errors import NoSecretKey, SecretUnreadable

VERSION = "v1"
NONCE = 12  # bytes, as GCM has it
MAKE_KEY = 'python -c "import secrets; print(secrets.token_urlsafe(32))"'


class Vault:
    """Seals with the first of its keys, and opens with any of them. Without a key it only opens nothing."""

    def __init__(self, keys: Sequence[str] = ()) -> None:
        self._ciphers = {key_id(key): AESGCM(derived(key, b"secrets at rest")) for key in keys}
        self._fingerprints = derived(keys[0], b"fingerprints") if keys else None
        self.key = key_id(keys[0]) if keys else None
        """Which key it seals with, by a name that tells nothing of it; None: it has none."""

    def seal(self, text: str, about: str) -> str:
        """Encrypts a text; it can only be opened as what it is `about`. Raises `NoSecretKey`."""
        if self.key is None:
            raise NoSecretKey
        nonce = secrets.token_bytes(NONCE)
        data = self._ciphers[self.key].encrypt(nonce, text.encode("utf-8", "surrogatepass"), bound(self.key, about))
        return f"{VERSION}.{self.key}.{base64.urlsafe_b64encode(nonce + data).decode()}"

    def open(self, token: str, about: str) -> str:
        """The text that was sealed. Raises `SecretUnreadable` where the key is not there, or it was tampered with."""
        version, _, rest = token.partition(".")
        key, _, data = rest.partition(".")
        cipher = self._ciphers.get(key) if version == VERSION else None
        if cipher is None:
            raise SecretUnreadable
        try:
            raw = base64.b64decode(data, altchars=b"-_", validate=True)
            text = cipher.decrypt(raw[:NONCE], raw[NONCE:], bound(key, about))
        except (InvalidTag, binascii.Error, ValueError):
            raise SecretUnreadable("It was changed in the database, so it is not used. Give it anew.") from None
        return text.decode("utf-8", "surrogatepass")

    def is_current(self, token: str) -> bool:
        """Whether it was sealed with the key that is used now."""
        return token.startswith(f"{VERSION}.{self.key}.")

    def fingerprint(self, data: bytes) -> str:
        """Tells whether data is the same, and tells nobody without the key what it may be."""
        return hmac.new(self._fingerprints or b"", data, hashlib.sha256).hexdigest()


def derived(key: str, purpose: bytes) -> bytes:
    return HKDF(algorithm=SHA256(), length=32, salt=b"cronapp", info=purpose).derive(key.encode())


def key_id(key: str) -> str:
    return derived(key, b"key id")[:4].hex()


def bound(key: str, about: str) -> bytes:
    """What is authenticated beside the text."""
    return f"{VERSION}.{key}.{about}".encode()
