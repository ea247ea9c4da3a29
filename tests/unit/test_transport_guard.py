"""Every spelling of a private address is refused, every normal URL is let through, in one
spelling.
"""

from __future__ import annotations

from ipaddress import IPv4Address, ip_address
from typing import Any
from urllib.parse import urlsplit

import pytest
from address_forms import ADDRESSES, LOOPBACK, NO_URLS, NORMAL, PRIVATE, PUBLIC
from hypothesis import example, given
from hypothesis import strategies as st

from sentient_kernel.errors import Blocked, ConfigurationError
from sentient_kernel.settings import Settings
from sentient_kernel.transport import Rules, check_url, verdict
from sentient_kernel.transport.guard import MOST_CHARACTERS
from sentient_kernel.transport.redirects import Hop

ANY_PORT = Rules(ports=frozenset(range(1, 65_536)))


def rules(**given: Any) -> Rules:
    return Rules.of(Settings(_env_file=None, **given))


@pytest.mark.parametrize("host", [*LOOPBACK, *PRIVATE])
def test_no_spelling_of_a_private_host_is_let_through(host: str) -> None:
    for url in (
        f"http://{host}/",
        f"https://{host}/",
        f"http://{host}:8080/",
        f"HTTP://{host}?x",
        f"http://{host}#x",
        f" http://{host} ",
    ):
        with pytest.raises(Blocked) as caught:
            check_url(url, ANY_PORT)
        assert caught.value.reason_code in ("private", "spelling", "userinfo", "port")
        assert not caught.value.retryable


def test_the_spellings_are_many() -> None:
    assert len(set(LOOPBACK)) >= 90 and len(set(PRIVATE)) >= 50


@pytest.mark.parametrize(
    "url",
    [
        *NO_URLS,
        "",
        "http://a b.example/",
        "http://a.example/\r\nx: y",
        "http://a.example/\x00",
        "http://a\t.example/",
    ],
)
def test_what_is_no_url_is_refused(url: str) -> None:
    with pytest.raises(Blocked):
        check_url(url, ANY_PORT)


@pytest.mark.parametrize(
    "url",
    [
        "http://a.example/\ud800",
        "http://\ud800.example/",
        "http://a.example/" + "x" * 9_000,
        "http://" + "a" * 64 + ".example/",
    ],
)
def test_what_no_server_could_be_sent_is_refused(url: str) -> None:
    with pytest.raises(Blocked):
        check_url(url, Rules())


@pytest.mark.parametrize("url", NORMAL)
def test_normal_urls_are_let_through(url: str) -> None:
    target = check_url(url, Rules())
    assert target.url.isascii() and "#" not in target.url and not target.trusted
    assert check_url(target.url, Rules()) == target, "the spelling that is handed on stays as it is"
    assert urlsplit(target.url).hostname == target.host


def test_there_are_more_than_fifty_normal_urls() -> None:
    assert len(NORMAL) >= 50


@pytest.mark.parametrize(
    ("url", "spelled"),
    [
        ("HTTPS://Example.ORG:443/A?b#c", "https://example.org/A?b"),
        ("http://example.org", "http://example.org/"),
        ("http://example.org./", "http://example.org/"),
        ("https://example.org:80/", "https://example.org:80/"),
        ("https://münchen.de/a b", "https://xn--mnchen-3ya.de/a%20b"),
        ("http://134744072/", "http://8.8.8.8/"),
        ("http://0x08.010.2056/", "http://8.8.8.8/"),
        ("http://[2606:4700:4700:0::1111]:80/", "http://[2606:4700:4700::1111]/"),
        ("https://example.org/ä?ö", "https://example.org/%C3%A4?%C3%B6"),
        ("https://BÜCHER.example/", "https://xn--bcher-kva.example/"),
        ("https://example.org/a\\b%5Cc", "https://example.org/a%5Cb%5Cc"),
        ("http://8.0.0.8/", "http://8.0.0.8/"),
        ("http://8.255.255.255/", "http://8.255.255.255/"),
        ("http://8.16777215/", "http://8.255.255.255/"),
        ("http://8.255.65535/", "http://8.255.255.255/"),
        ("http://8.8.1/", "http://8.8.0.1/"),
        ("http://0x8080808/", "http://8.8.8.8/"),
        ("http://0x" + "0" * 57 + "8080808/", "http://8.8.8.8/"),
        ("http://example.org:65535/", "http://example.org:65535/"),
        ("http://example.org:/", "http://example.org/"),
    ],
)
def test_one_spelling_is_handed_on(url: str, spelled: str) -> None:
    assert check_url(url, ANY_PORT).url == spelled


@pytest.mark.parametrize(
    ("host", "reason"),
    [
        ("256.8.8.8", "its host is not valid"),
        ("8.8.8.256", "its host is not valid"),
        ("8.8.65536", "its host is not valid"),
        ("8.16777216", "its host is not valid"),
        ("4294967296", "its host is not valid"),
        ("8.8.8.8.8", "its host is not valid"),
        ("a.8.8.8", "its host is not valid"),
        ("08.8.8.8", "its host is not valid"),
        ("8.8.8.09", "its host is not valid"),
        ("0x" + "0" * 58 + "8080808", "its host is not valid"),
        ("ü_b.example", "its host is not valid"),
        ("example.org:0", "its port must be a number"),
        ("example.org:65536", "its port must be a number"),
        ("example.org:x", "its port must be a number"),
        ("[2606:4700::1111]x", "its port must be a number"),
        ("a b.example", "written in a way that hides it"),
        ("a%62.example", "written in a way that hides it"),
        ("a\\b.example", "written in a way that hides it"),
        ("me@example.org", "carries a user name or password"),
        ("me:secret@8.8.8.8", "carries a user name or password"),
    ],
)
def test_host_that_is_no_name_and_no_address_is_refused_and_says_why(
    host: str, reason: str
) -> None:
    with pytest.raises(Blocked, match=reason):
        check_url(f"http://{host}/", ANY_PORT)


def test_names_and_urls_have_a_greatest_length() -> None:
    name = ".".join(["a" * 63, "b" * 63, "c" * 63, "d" * 61])
    assert len(name) == 253 and check_url(f"http://{name}/", Rules()).host == name
    with pytest.raises(Blocked):
        check_url(f"http://{name}d/", Rules())
    url = "http://example.org/"
    assert check_url(url.ljust(MOST_CHARACTERS, "x"), Rules()).url
    with pytest.raises(Blocked, match="longer than"):
        check_url(url.ljust(MOST_CHARACTERS + 1, "x"), Rules())


@pytest.mark.parametrize("address", ADDRESSES)
def test_no_private_address_of_a_resolver_is_let_through(address: str) -> None:
    assert verdict(address)


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_are_let_through(address: str) -> None:
    assert verdict(address) == ""


@given(st.ip_addresses(v=4))
@example(IPv4Address("192.0.0.9"))  # global, its neighbours are not
@example(IPv4Address("192.0.0.10"))
def test_an_ipv4_address_means_the_same_wherever_it_hides(address: IPv4Address) -> None:
    value = int(address)
    inside = [
        f"::ffff:{address}",
        f"64:ff9b::{address}",
        f"2002:{value >> 16:x}:{value & 0xFFFF:x}::",
        f"2600::5efe:{address}",
    ]
    assert {verdict(form) for form in inside} == {verdict(address)}
    assert not (
        verdict(address) == ""
        and (
            address.is_private
            or address.is_multicast
            or address.is_reserved
            or not address.is_global
        )
    )


@given(
    st.ip_addresses(v=4), st.sampled_from(["{0}", "{0:#x}", "0{0:o}", "{1}.{4}", "{1:#x}.{4:#o}"])
)
def test_numbers_are_read_as_the_address_they_are(address: IPv4Address, form: str) -> None:
    first, *_ = address.packed
    text = form.format(int(address), first, 0, 0, int(address) & 0xFFFFFF).replace("0o", "0")
    try:
        read = check_url(f"http://{text}/", Rules()).host
    except Blocked as error:
        assert verdict(address) and error.host == str(address)
    else:
        assert read == str(address)


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused_and_nothing_else(text: str) -> None:
    for url in (text, f"http://{text}", f"http://a.example/{text}"):
        try:
            target = check_url(url, ANY_PORT)
        except Blocked:
            continue
        assert target.url.isascii() and " " not in target.url
        if ":" in target.host or target.host.rpartition(".")[2].isdigit():
            assert ip_address(target.host), "what looks like an address is one"


@pytest.mark.parametrize("port", [22, 25, 6379, 8080])
def test_other_ports_are_refused_unless_allowed(port: int) -> None:
    with pytest.raises(
        Blocked,
        match=(
            rf"Not fetching from 'example\.org': port {port} is not one of 80, 443\. Name host and"
            r" port"
        ),
    ):
        check_url(f"http://example.org:{port}/", Rules())
    assert check_url(f"http://example.org:{port}/", ANY_PORT).port == port


@pytest.mark.parametrize(
    "named",
    [
        "127.0.0.1:8080",
        "127.1:8080",
        "http://127.0.0.1:8080",
        "http://127.0.0.1:8080/search/",
        " 127.0.0.1:8080 ",
    ],
)
def test_host_and_port_that_settings_name_are_trusted_and_nothing_else(named: str) -> None:
    mine = rules(allow_hosts=(named,))
    assert check_url("http://127.0.0.1:8080/x", mine).trusted
    assert check_url("https://2130706433:8080/x", mine).trusted
    for url in (
        "http://127.0.0.1/",
        "http://127.0.0.1:8081/",
        "http://127.0.0.2:8080/",
        "http://localhost:8080/",
        "http://[::1]:8080/",
    ):
        with pytest.raises(Blocked):
            check_url(url, mine)


def test_a_host_named_without_port_means_80_and_443() -> None:
    mine = rules(allow_hosts=("searx.lan", "[::1]"))
    assert (
        check_url("http://searx.lan/", mine).trusted
        and check_url("https://searx.lan/", mine).trusted
        and check_url("http://[::1]/", mine).trusted
    )
    with pytest.raises(Blocked):
        check_url("http://searx.lan:8080/", mine)


def test_a_setting_that_is_no_host_says_so() -> None:
    for broken in ("me:word@host:80", "a b", "host:port", ""):
        with pytest.raises(ConfigurationError, match=r"127\.0\.0\.1:8080") as caught:
            rules(allow_hosts=(broken,))
        assert "word" not in str(caught.value)
    with pytest.raises(ConfigurationError, match="not a domain"):
        rules(deny_domains=("a b",))


def test_domains_match_by_whole_labels() -> None:
    mine = rules(allow_domains=("Example.org", "*.münchen.de"), deny_domains=("bad.example.org",))
    for url in (
        "https://example.org/",
        "https://a.b.example.org/",
        "https://www.xn--mnchen-3ya.de/",
        "https://münchen.de/",
    ):
        assert check_url(url, mine)
    for url in (
        "https://notexample.org/",
        "https://example.org.evil.test/",
        "https://bad.example.org/",
        "https://x.BAD.example.org./",
        "https://org/",
    ):
        with pytest.raises(Blocked):
            check_url(url, mine)


def test_a_denied_domain_is_denied_though_trusted() -> None:
    with pytest.raises(Blocked, match="SENTIENT_DENY_DOMAINS"):
        check_url(
            "http://searx.example.org/",
            rules(allow_hosts=("searx.example.org",), deny_domains=("example.org",)),
        )


def test_a_refusal_never_shows_credentials() -> None:
    for url in (
        "https://me:secret@example.org/",
        "https://secret@127.0.0.1/",
        "http://example.org:secret/",
        "https://[secret]/",
        "x://secret",
    ):
        with pytest.raises(Blocked) as caught:
            check_url(url, Rules())
        assert "secret" not in str(caught.value)


def hop(
    url: str = "https://a.example/x",
    *,
    trusted: frozenset[tuple[str, int]] = frozenset(),
    **more: Any,
) -> Hop:
    named = Rules(trusted=trusted)
    headers = {
        "authorization": "Bearer s",
        "x-api-key": "s",
        "cookie": "s",
        "accept": "*/*",
        "user-agent": "us",
        "content-type": "application/json",
    }
    return Hop(
        check_url(url, named), named, more.get("method", "GET"), headers, more.get("content")
    )


def test_credentials_stay_with_their_origin() -> None:
    assert hop().redirected(302, "/y").headers == hop().headers
    for there in (
        "https://b.example/",
        "https://a.example:80/",
        "https://a.example.b.example/",
        "//c.example/",
    ):
        followed = hop().redirected(302, there)
        assert followed.headers == {"accept": "*/*", "user-agent": "us"}
        assert followed.redirected(302, "https://a.example/x").headers == followed.headers, (
            "what was taken off does not come back"
        )


def test_a_secure_page_does_not_lead_to_one_without_tls() -> None:
    with pytest.raises(Blocked, match="without TLS") as caught:
        hop().redirected(301, "http://a.example/x")
    assert caught.value.reason_code == "downgrade"
    assert hop("http://a.example/").redirected(301, "https://a.example/").target.scheme == "https"


def test_what_is_posted_stays_with_its_origin() -> None:
    posted = hop(method="POST", content=b"{}")
    assert posted.redirected(307, "/y").content == b"{}"
    assert posted.redirected(307, "/y").headers["content-type"] == "application/json"
    for status in (301, 302, 303):
        followed = posted.redirected(status, "/y")
        assert (followed.method, followed.content, "content-type" in followed.headers) == (
            "GET",
            None,
            False,
        )
    assert (
        posted.redirected(303, "https://b.example/").method == "GET"
        and posted.redirected(302, "/y").content is None
    )
    with pytest.raises(Blocked, match=r"is meant for 'a\.example'"):
        posted.redirected(308, "https://b.example/")


def test_a_page_of_a_stranger_does_not_lead_to_what_the_user_trusts() -> None:
    mine = frozenset({("127.0.0.1", 8080), ("127.0.0.1", 8081)})
    assert (
        hop("http://127.0.0.1:8080/", trusted=mine)
        .redirected(302, "http://127.0.0.1:8081/")
        .target.trusted
    )
    stranger = hop("http://127.0.0.1:8080/", trusted=mine).redirected(302, "https://a.example/")
    for step in (stranger, stranger.redirected(302, "/y")):
        with pytest.raises(Blocked):
            step.redirected(302, "http://127.0.0.1:8080/")


@pytest.mark.parametrize("host", LOOPBACK)
def test_no_redirect_leads_to_a_private_host(host: str) -> None:
    for location in (f"http://{host}/", f"//{host}/", f"https://{host}/"):
        with pytest.raises(Blocked):
            hop("http://a.example/").redirected(302, location)
