"""What a password must be: long enough, and none that others would try first. Nothing is asked of its signs.

The rules are those of OWASP ASVS 5.0, 6.2: at least 10 characters (8 are asked there, 15 advised), at least 64 allowed,
kept exactly as typed, not among the common ones, not made of words that everybody would guess here.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable

LEAST = 10
ADVISED = 15
MOST = 256
GUESSED = ("cronapp", "cron", "admin", "password")
"""Words that one would try here first, besides the person's own name."""
ADVICE = f"At least {LEAST} characters; {ADVISED} or more are better. Several words in a row are good."


def normalized(password: str) -> str:
    """The same for the same signs on each keyboard: some send é as one character, some as two. Nothing else changes."""
    return unicodedata.normalize("NFC", password)


def fault(password: str, name: str, listed: Callable[[Iterable[str]], bool]) -> str:
    """What is wrong with a password for the account of that name, as a sentence; empty: nothing. `listed` tells whether
    one of some texts is a common password."""
    if len(password) < LEAST:
        return f"A password has at least {LEAST} characters. Several words in a row are good."
    if len(password) > MOST:
        return f"A password has at most {MOST} characters."
    if "\0" in password:
        return "A password cannot have a null character."
    plain = password.casefold()
    if len(set(plain)) < 4 or is_guessed(plain, name.casefold()):
        return "This is one of the first that anybody would try. Several words in a row are better."
    if listed(kernels(plain)):
        return "This password is on the list of those that are tried first. Several words in a row are better."
    return ""


def is_guessed(plain: str, name: str) -> bool:
    """Whether nothing is left of its letters without the name and the words that everybody would guess."""
    letters = "".join(filter(str.isalpha, plain))
    left = letters
    for word in sorted({"".join(filter(str.isalpha, part)) for part in (*GUESSED, name)}, key=len, reverse=True):
        left = left.replace(word, "") if len(word) > 1 else left
    return bool(letters) and not left


def kernels(plain: str) -> set[str]:
    """The password, and what it is without mere digits and signs around it, where that is most of it."""
    first = next((i for i, sign in enumerate(plain) if sign.isalpha()), len(plain))
    last = next((i for i, sign in enumerate(reversed(plain)) if sign.isalpha()), 0)
    kernel = plain[first : len(plain) - last]
    return {plain} | ({kernel} if 2 * len(kernel) >= len(plain) else set())
