"""The web device: only hosts that may be asked, no way into this machine, bounded, untrusted."""

import asyncio
import ipaddress

import pytest
from aiohttp import web
from turns import call

import llmos_nb as llmos
from llmos_nb.errors import ConfigError
from llmos_nb.models.scripted import ScriptedModel
from llmos_nb.tools.devices.web import is_public, listed


async def reading(*turns, approve="risky", **options):
    model = ScriptedModel([*turns, {"text": "Read."}])
    return await llmos.run("Read it.", model=model, namespace={}, tools=["web"], approve=approve, **options)


def only(process):
    (found,) = process.run.state.calls.values()
    return found


@pytest.fixture
async def server():
    """A server on this machine, which says where it was asked."""
    asked = []

    async def answer(request):
        asked.append(request.path)
        return PAGES[request.path]()

    app = web.Application()
    app.router.add_get("/{name}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = site._server.sockets[0].getsockname()[1]
    PAGES["/here"] = lambda: web.Response(status=302, headers={"location": f"http://127.0.0.1:{port}/page"})
    yield f"http://127.0.0.1:{port}", asked, port
    await runner.cleanup()


HTML = "<html><head><title>A title</title><script>steal()</script></head><body><p>First.</p><p hidden>x</p><style>b{}</style>Second.</body></html>"
PAGES = {
    "/page": lambda: web.Response(text=HTML, content_type="text/html"),
    "/long": lambda: web.Response(text="".join(f"{i:07d} " for i in range(2_000))),
    "/json": lambda: web.json_response({"a": [1]}),
    "/large": lambda: web.Response(body=b"x" * 3_000_000, content_type="text/plain"),
    "/image": lambda: web.Response(body=b"\x89PNG", content_type="image/png"),
    "/gone": lambda: web.Response(status=404, text="not here"),
    "/away": lambda: web.Response(status=302, headers={"location": "http://example.org/"}),
    "/local": lambda: web.Response(status=302, headers={"location": "http://localhost:1/"}),
    "/file": lambda: web.Response(status=302, headers={"location": "file:///etc/passwd"}),
    "/loop": lambda: web.Response(status=302, headers={"location": "/loop"}),
}


def opened(folder, port):
    (folder / "llmos.toml").write_text(f'[tools.web]\nhosts = ["127.0.0.1:{port}"]\n')


async def test_a_page_is_read_as_text_and_taints_what_follows(server, tmp_path):
    base, _, port = server
    opened(tmp_path, port)
    p = await reading(call("web", url=f"{base}/page"))
    assert p.reason == "answered" and only(p).result == "A title\nFirst.\nx\nSecond."
    assert p.run.state.labels["*"] == "untrusted"
    q = await reading(call("web", url=f"{base}/json"), call("web", url=f"{base}/page"))
    assert q.state == "waiting" and "untrusted" in q.run.state.questions["r2.0"]["text"]


async def test_without_allowed_hosts_each_page_is_asked_for(server):
    base, asked, _ = server
    p = await reading(call("web", url=f"{base}/page"))
    assert p.state == "waiting" and asked == [] and f"{base}/page" in p.run.state.questions["r1.0"]["text"]
    await p.approve("all")
    assert "inside this machine" in only(p).result and asked == []  # a person's yes opens no way inside by itself


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/away", "not among the hosts"), ("/local", "not among the hosts"), ("/file", "begins with http"), ("/loop", "more than 5 redirects"),
        ("/large", "more than 2,097,152 bytes"), ("/image", "image/png; only text is read"), ("/gone", "status 404"),
    ],
)  # fmt: skip
async def test_unread_page_says_why(server, tmp_path, path, words):
    base, _, port = server
    opened(tmp_path, port)
    p = await reading(call("web", url=base + path))
    assert only(p).status == "failed" and words in only(p).result


async def test_a_redirect_on_the_same_host_is_followed(server, tmp_path):
    base, asked, port = server
    opened(tmp_path, port)
    p = await reading(call("web", url=f"{base}/here"))
    assert "First." in only(p).result and asked == ["/here", "/page"]


async def test_a_long_page_is_read_in_pieces(server, tmp_path):
    base, _, port = server
    opened(tmp_path, port)
    turns = [call("web", url=f"{base}/long"), call("web", url=f"{base}/long", offset=3_800)]
    p = await reading(*turns, approve="auto", context="9k")
    first, second = (c.result for c in p.run.state.calls.values())
    assert "go on with offset=3800]" in first and second.startswith("0000475 ") and len(first) < 4_096


@pytest.mark.parametrize(
    "url",
    [
        "ftp://127.0.0.1/x", "file:///etc/passwd", "http:///x", "http://a:b@example.org/", "gopher://x", "//example.org", "javascript:1", "",
        "http://2130706433/", "http://0x7f.1/", "http://127.1/", "http://[::1]/", "http://[::ffff:127.0.0.1]/", "http://localhost/", "http://0/",
        "http://169.254.169.254/latest/meta-data", "http://10.0.0.1/",
    ],
)  # fmt: skip
async def test_no_spelling_of_an_address_reaches_the_local_network(url, tmp_path):
    p = await reading(call("web", url=url), approve="auto")
    assert only(p).status == "failed" and "meta-data\n" not in only(p).result


async def test_host_resolving_to_a_local_address_is_refused_despite_a_glob(server, tmp_path, monkeypatch):
    _, asked, port = server
    (tmp_path / "llmos.toml").write_text('[tools.web]\nhosts = ["*"]\n')
    loop = asyncio.get_running_loop()

    async def rebound(host, *_, **__):
        return [(0, 0, 0, "", ("93.184.216.34", port)), (0, 0, 0, "", ("127.0.0.1", port))]

    monkeypatch.setattr(loop, "getaddrinfo", rebound)
    p = await reading(call("web", url="http://rebind.example/page"))
    assert "leads to 127.0.0.1" in only(p).result and asked == []


async def test_check_fails_where_addresses_are_not_checked(server, tmp_path, monkeypatch):
    base, asked, _ = server
    monkeypatch.setattr("llmos_nb.tools.devices.web.is_public", lambda address: True)
    p = await reading(call("web", url=f"{base}/page"), approve="auto")
    assert asked == ["/page"] and only(p).status == "done"


@pytest.mark.parametrize(
    ("text", "public"),
    [
        ("93.184.216.34", True), ("2606:2800:220:1::1", True), ("127.0.0.1", False), ("10.1.2.3", False), ("192.168.0.1", False),
        ("169.254.169.254", False), ("0.0.0.0", False), ("224.0.0.1", False), ("100.64.0.1", False), ("::1", False), ("fe80::1", False),
        ("fc00::1", False), ("::ffff:10.0.0.1", False), ("::ffff:93.184.216.34", True), ("64:ff9b::7f00:1", False), ("2002:7f00:1::", False),
    ],
)  # fmt: skip
def test_public_addresses_are_recognised(text, public):
    assert is_public(ipaddress.ip_address(text)) is public


def test_hosts_are_matched_whole_and_ports_are_named():
    assert listed("docs.python.org", 443, ["docs.python.org"]) and listed("a.b.eu", 443, ["*.eu"])
    for host, port in (
        ("docs.python.org.evil.com", 443),
        ("evildocs.python.org", 443),
        ("docs.python.org", 8080),
        ("python.org", 443),
    ):
        assert not listed(host, port, ["docs.python.org"])
    assert listed("x", 8080, ["x:8080"]) and not listed("x", 80, ["x:8080"])


async def test_a_wrong_setting_is_named(tmp_path):
    (tmp_path / "llmos.toml").write_text('[tools.web]\nhosts = "example.org"\n')
    with pytest.raises(ConfigError, match=r"tools\.web: hosts"):
        await reading(call("web", url="http://x"))
