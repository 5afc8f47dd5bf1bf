"""Under which names a site answers."""

from __future__ import annotations

import pytest

from cronapp.core.hosts import bound_to, hosts_of, is_within, networks_of


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "::1", "cron.example", "other.example", "2001:db8::5"])
@pytest.mark.parametrize("bound", ["127.0.0.1", "0.0.0.0", "::", "cron.example"])
def test_the_names_of_this_machine_and_the_given_ones_are_answered(bound: str, host: str) -> None:
    given = ("Cron.Example", "other.example:8443", "[2001:db8::5]")
    assert host in hosts_of(bound, given)


def test_a_name_that_is_not_known_is_refused_wherever_the_site_listens() -> None:
    """Its owner could let it point to this machine, and read our pages from his own."""
    for bound in ("127.0.0.1", "0.0.0.0", "::", "192.0.2.5"):
        for host in (
            "evil.example",
            "localhost.evil.example",
            "localhost.",
            "127.0.0.1.evil.example",
            "",
            "2130706433",
        ):
            assert host not in hosts_of(bound, ("cron.example",)), (bound, host)


def test_an_address_is_answered_where_others_reach_this_machine() -> None:
    """Nobody can let an address point elsewhere; health checks and mapped ports come by them."""
    for host in ("192.0.2.5", "10.0.0.7", "fd00::7"):
        assert host in hosts_of("0.0.0.0", ())
        assert host not in hosts_of("127.0.0.1", ())


def test_networks_are_read_and_wrong_ones_are_told() -> None:
    networks = networks_of(("10.1.0.0/16", "10.9.9.9/16", "192.0.2.1", "fd00::/8"))
    for inside in ("10.1.255.1", "10.9.0.1", "192.0.2.1", "fd12::1", "::ffff:10.1.0.1"):
        assert is_within(inside, networks)
    for outside in ("10.2.0.1", "192.0.2.2", "::1", "", "10.1.0.1:80", "proxy"):
        assert not is_within(outside, networks)
    with pytest.raises(ValueError, match="'proxy' is no address and no network"):
        networks_of(("proxy",))


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("5001", ("127.0.0.1", 5001)),
        ("0.0.0.0:5001", ("0.0.0.0", 5001)),
        ("[::]:0", ("::", 0)),
        ("localhost:80", ("localhost", 80)),
        *((wrong, None) for wrong in (":5001", "::5001", "5001:", "0.0.0.0", "a b:1", "99999", "")),
    ],
)
def test_one_listens_on_loopback_unless_an_address_is_named(text: str, place: tuple[str, int] | None) -> None:
    if place is not None:
        assert bound_to(text) == place
        return
    with pytest.raises(ValueError, match="nothing to listen on"):
        bound_to(text)
