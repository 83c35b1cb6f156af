"""The guard refuses every address that is not public, however it is written."""

import ipaddress
import socket

import pytest

from cskit.guard import RefusedAddress, check_allowed, checked_address, is_public


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "127.9.9.9", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "0.0.0.0", "100.64.0.1",
        "192.88.99.1", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255", "192.0.2.1", "198.18.0.1",
        "192.0.0.1", "192.0.0.9", "192.0.0.10", "::ffff:0:7f00:1", "::ffff:0:10.0.0.1", "::ffff:0:a9fe:a9fe",
        "::", "::1", "::7f00:1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "64:ff9b::7f00:1",
        "64:ff9b::a9fe:a9fe", "64:ff9b:1::1", "2001::1", "2002:7f00:1::", "2002:0a00:0001::", "5f00::1", "fe80::1",
        "fec0::1", "fc00::1", "fd00:ec2::254", "ff02::1", "ff0e::1", "2001:db8::1", "100::1",
    ],
)  # fmt: skip
def test_an_address_that_is_not_public_is_refused(address: str) -> None:
    assert not is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize("address", ["1.1.1.1", "93.184.216.34", "2606:4700::1111", "::ffff:1.1.1.1", "2400:cb00::1"])
def test_a_public_address_passes(address: str) -> None:
    assert is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "localhost", "LOCALHOST", "localhost.", "[::1]", "2130706433", "0x7f.1", "0177.0.0.1", "127.1", "0"],
)
async def test_every_way_to_write_this_machine_is_refused(host: str) -> None:
    with pytest.raises((RefusedAddress, OSError)):
        await checked_address(host, 80)


@pytest.mark.parametrize(
    "allow",
    [["localhost"], ["LocalHost:8080"], ["127.0.0.0/8", "::1/128"], ["other", "localhost"], ["127.0.0.0/8", "::/0"]],
)
async def test_an_operator_can_allow_a_private_host(allow: list[str]) -> None:
    assert await checked_address("localhost", 8080, allow) in ("127.0.0.1", "::1")


@pytest.mark.parametrize("allow", [["localhost:81"], ["host"], ["10.0.0.0/8"], ["ocalhost"], ["127.0.0.1"]])
async def test_what_is_allowed_is_no_more_than_was_said(allow: list[str]) -> None:
    with pytest.raises(RefusedAddress, match="KIZASHI_WEBHOOK_ALLOW=localhost:80"):
        await checked_address("localhost", 80, allow)


async def test_one_private_address_among_public_ones_is_enough_to_refuse(monkeypatch: pytest.MonkeyPatch) -> None:
    def resolve(host: str, port: int, *_: object, **__: object) -> list[object]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (ip, port)) for ip in ("1.1.1.1", "10.0.0.7")]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)

    with pytest.raises(RefusedAddress, match=r"10\.0\.0\.7"):
        await checked_address("rebinding.example", 443)


@pytest.mark.parametrize("entry", ["", "a b", "http://x", "host:0", "host:99999", "host:x", "user@host"])
def test_an_entry_that_names_no_host_is_refused(entry: str) -> None:
    with pytest.raises(ValueError):
        check_allowed(entry)


@pytest.mark.parametrize(
    "entry", ["host", "host:8080", "10.0.0.0/8", "fd00::/8", "[fd00::1]:8080", "fd00::1", "10.0.0.1"]
)
def test_an_entry_that_names_a_host_is_kept(entry: str) -> None:
    assert check_allowed(entry) == entry
