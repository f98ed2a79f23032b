"""One-time codes, by the RFCs' own examples."""

import base64

import pytest

from scrapinsta_ray.simulator.totp import accepts, hotp, secret_of, totp

KEY = b"12345678901234567890"
SECRET = base64.b32encode(KEY).decode()


@pytest.mark.parametrize(
    ("counter", "code"),
    list(enumerate("755224 287082 359152 969429 338314 254676 287922 162583 399871 520489".split())),
)
def test_rfc_4226_appendix_d(counter, code):
    assert hotp(KEY, counter) == code


@pytest.mark.parametrize(
    ("at", "sha1", "sha256", "sha512"),
    [
        (59, "94287082", "46119246", "90693936"),
        (1111111109, "07081804", "68084774", "25091201"),
        (1111111111, "14050471", "67062674", "99943326"),
        (1234567890, "89005924", "91819424", "93441116"),
        (2000000000, "69279037", "90698825", "38618901"),
        (20000000000, "65353130", "77737706", "47863826"),
    ],
)
def test_rfc_6238_appendix_b(at, sha1, sha256, sha512):
    assert hotp(KEY, at // 30, 8) == sha1
    assert hotp((KEY * 2)[:32], at // 30, 8, "sha256") == sha256
    assert hotp((KEY * 4)[:64], at // 30, 8, "sha512") == sha512
    assert totp(SECRET, at) == sha1[2:]


def test_a_code_holds_for_its_step_and_the_neighbours():
    code = totp(SECRET, 1000)
    assert [accepts(SECRET, code, at) for at in (959, 960, 1000, 1049, 1080)] == [
        False,
        True,
        True,
        True,
        False,
    ]
    assert not any(accepts(SECRET, wrong, 1000) for wrong in ("", "abc", "١٢٣٤٥٦", f"{code}0"))


def test_each_account_has_its_own_secret_and_keeps_it():
    assert secret_of("bot_1") == secret_of("bot_1") != secret_of("bot_2")
    assert len(base64.b32decode(secret_of("bot_1"))) == 20
