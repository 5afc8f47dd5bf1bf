"""A second factor: codes that an app makes from a secret and the time (TOTP, RFC 6238), and codes of last resort."""

from __future__ import annotations

import base64
import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime

import pyotp

from cronapp.core.clock import Clock
from cronapp.core.errors import Conflict, WrongCode
from cronapp.core.people import Person
from cronapp.core.vault import Vault
from cronapp.service.digests import digest
from cronapp.service.people import known
from cronapp.store import people
from cronapp.store.audit import note
from cronapp.store.signin import Way
from cronapp.store.store import Store, Tx

ISSUER = "Cron-App"
STEP = 30  # seconds that a code is made for
AROUND = (0, -1, 1)  # steps whose codes are good too, as clocks differ
DIGITS = 6
CODES = 10  # of last resort
BITS = 120  # of each; from 112 on a fast hash keeps it as well as a slow one


@dataclass(frozen=True, slots=True)
class Beginning:
    """What an app needs to make codes."""

    secret: str
    uri: str  # the same as an address, for the picture


class SecondFactor:
    def __init__(self, store: Store, clock: Clock, vault: Vault) -> None:
        self.store = store
        self.clock = clock
        self.vault = vault

    async def begin(self, person: Person) -> None:
        """Makes a secret, which counts once a code of it was told. Raises `NoSecretKey` where it cannot be kept."""
        sealed = self.vault.seal(pyotp.random_base32(), about(person))
        if not await self.store.write(people.begin_factor, person.id, sealed):
            raise Conflict("Your second factor is on already. Turn it off first to have another one.")

    async def beginning(self, person: Person) -> Beginning | None:
        """The secret that no code was told of yet; None: there is none such."""
        factor = await self.store.read(people.factor_of, person.id)
        if factor is None or factor.step is not None:
            return None
        secret = self.vault.open(factor.totp, about(person))
        return Beginning(secret, pyotp.TOTP(secret).provisioning_uri(name=person.name, issuer_name=ISSUER))

    async def begin_use(self, person: Person, code: str) -> list[str]:
        """Takes it into use with the first code of the app, and answers the codes of last resort, which nobody can be
        told again. Raises `WrongCode`."""
        factor = await self.store.read(people.factor_of, person.id)
        if factor is None or factor.step is not None:
            raise Conflict("There is no second factor to begin with. Load the page anew.")
        step = self._step_of(person, factor.totp, code)
        if step is None:
            raise WrongCode("This is not the code that the app shows now. Is the clock of that device right?")
        codes = new_codes()

        def change(tx: Tx) -> None:
            if not people.begin_use(tx, person.id, factor.totp, step):
                raise Conflict("Your second factor was changed meanwhile. Load the page anew.")
            people.put_codes(tx, person.id, [digest(plain(one)) for one in codes])
            note(tx, self.clock(), "user.totp_on", person.name)

        await self.store.write(change)
        return codes

    async def give_up(self, person: Person) -> None:
        """Forgets a secret that is not in use."""
        if await self.beginning(person):
            await self.store.write(people.end_factor, person.id)

    async def end(self, person_id: int) -> bool:
        """Turns it off. False: it was off."""

        def change(tx: Tx) -> bool:
            person = known(people.get(tx.conn, person_id))
            if not people.end_factor(tx, person_id):
                return False
            note(tx, self.clock(), "user.totp_off", person.name)
            return True

        return await self.store.write(change)

    async def renew_codes(self, person: Person) -> list[str]:
        """Other codes of last resort, in place of those that are left."""
        codes = new_codes()

        def change(tx: Tx) -> None:
            if not known(people.get(tx.conn, person.id)).second_factor:
                raise Conflict("Your second factor is off, so there are no codes for it.")
            people.put_codes(tx, person.id, [digest(plain(one)) for one in codes])
            note(tx, self.clock(), "user.recovery_codes_made", person.name)

        await self.store.write(change)
        return codes

    async def codes_left(self, person: Person) -> int:
        return await self.store.read(people.codes_left, person.id)

    def way_of(self, tx: Tx, person: Person, code: str) -> Way | None:
        """Uses a code up, of the app or of last resort; None: it is not good. Whichever it is, it was good once."""
        factor = people.factor_of(tx.conn, person.id)
        if factor is None or factor.step is None:
            return None
        step = self._step_of(person, factor.totp, code)
        if step is not None:
            if not people.use_code(tx, person.id, step):
                return None
            if not self.vault.is_current(factor.totp):  # another key encrypts by now
                secret = self.vault.open(factor.totp, about(person))
                people.reseal_factor(tx, person.id, factor.totp, self.vault.seal(secret, about(person)))
            return Way.CODE
        return Way.RECOVERY if people.use_recovery(tx, person.id, digest(plain(code))) else None

    def _step_of(self, person: Person, sealed: str, code: str) -> int | None:
        """The step that the app made this code for; None: it is none of these minutes'."""
        typed = "".join(code.split())
        if len(typed) != DIGITS or not typed.isascii():
            return None
        totp = pyotp.TOTP(self.vault.open(sealed, about(person)))
        now = step_at(self.clock())
        good = [now + by for by in AROUND if hmac.compare_digest(totp.generate_otp(now + by), typed)]
        return good[0] if good else None


def about(person: Person) -> str:
    """What the secret is encrypted as: moved to another account, it is not opened."""
    return f"totp:{person.id}"


def step_at(now: datetime) -> int:
    return int(now.timestamp()) // STEP


def new_codes() -> list[str]:
    """Each in four groups, as `k7qd2m-…`."""
    return [grouped(base64.b32encode(secrets.token_bytes(BITS // 8)).decode().lower()) for _ in range(CODES)]


def grouped(code: str) -> str:
    return "-".join(code[i : i + 6] for i in range(0, len(code), 6))


def plain(code: str) -> str:
    """A code as it is compared, however it was typed."""
    return "".join(filter(str.isalnum, code[:100])).lower()
