"""The caller's address behind proxies: a named proxy is trusted about the one before it, and no other is."""

import pytest

from fleet.core.requests.proxies import proxies_read


def caller(proxies: str, near: str, *said: str, proto: str = "") -> tuple[str, str]:
    headers = [(b"x-forwarded-for", line.encode("latin-1")) for line in said]
    headers += [(b"x-forwarded-proto", proto.encode())] if proto else []
    scope = proxies_read(proxies).caller_put({"client": (near, 1), "scheme": "http", "headers": headers})
    return scope["client"][0], scope["scheme"]


@pytest.mark.parametrize("proxies", ["", "0", " "])
def test_without_proxies_nobody_is_believed(proxies):
    assert caller(proxies, "127.0.0.1", "198.51.100.1", proto="https") == ("127.0.0.1", "http")


def test_a_proxy_that_is_named_is_believed_and_the_same_words_from_elsewhere_are_not():
    assert caller("203.0.113.7", "203.0.113.7", "198.51.100.1", proto="https") == ("198.51.100.1", "https")
    assert caller("203.0.113.7", "203.0.113.8", "198.51.100.1", proto="https") == ("203.0.113.8", "http")


def test_what_the_caller_wrote_before_the_proxy_added_its_word_is_not_believed():
    assert caller("203.0.113.0/24", "203.0.113.7", "10.9.9.9, 198.51.100.1")[0] == "198.51.100.1"
    assert caller("203.0.113.0/24", "203.0.113.7", "10.9.9.9", "198.51.100.1")[0] == "198.51.100.1"


def test_two_proxies_of_ours_are_both_believed():
    assert caller("203.0.113.7, 10.0.0.0/8", "203.0.113.7", "6.6.6.6, 198.51.100.1, 10.1.2.3")[0] == "198.51.100.1"


def test_a_number_trusts_that_many_proxies_with_private_addresses_only():
    assert caller("1", "127.0.0.1", "198.51.100.1")[0] == "198.51.100.1"
    assert caller("1", "127.0.0.1", "6.6.6.6, 192.168.1.5")[0] == "192.168.1.5"
    assert caller("2", "127.0.0.1", "6.6.6.6, 198.51.100.1, 192.168.1.5")[0] == "198.51.100.1"
    assert caller("1", "203.0.113.9", "198.51.100.1")[0] == "203.0.113.9"


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("", "127.0.0.1"),
        (",", "127.0.0.1"),
        ("nonsense", "127.0.0.1"),
        ("1.2.3.4, ", "127.0.0.1"),
        ("198.51.100.1:5555", "198.51.100.1"),
        ("[2001:db8::1]:5555", "2001:db8::1"),
        ("2001:db8::1", "2001:db8::1"),
        ("::1%eth0", "::1"),
        ("::ffff:198.51.100.1", "198.51.100.1"),
        ("a" * 5_000, "127.0.0.1"),
        ("\xff", "127.0.0.1"),
    ],
)
def test_every_spelling_is_one_address_or_none(said, told):
    assert caller("127.0.0.1", "127.0.0.1", said)[0] == told


@pytest.mark.parametrize("text", ["caddy", "127.0.0.1/40", "127.0.0.1,,", "10.0.0.1/8", "*"])
def test_a_setting_without_valid_addresses_is_refused_in_one_sentence(text):
    with pytest.raises(ValueError, match="give the addresses of your proxies"):
        proxies_read(text)
