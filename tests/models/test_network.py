"""The way to an endpoint: proxies, certificates, redirects; what is wrong with it is said as such, and at once."""

from __future__ import annotations

import asyncio
import socket
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from endpoint import Endpoint
from wire_replay import WireReplay

import llmos_nb as llmos
from llmos_nb.errors import ModelError, ModelRefused, ModelUnavailable
from llmos_nb.messages import Message, Request
from llmos_nb.models.openai.client import OpenAIModel
from llmos_nb.models.openai.network import checked_url, is_loopback, same_origin, under

ASKED = Request((Message("user", "hi"),))


@pytest.fixture
def nobody():
    """Return an address at which nobody answers, nor can begin to while the test runs."""
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{silent.getsockname()[1]}"


async def failure(url: str) -> ModelError:
    model = OpenAIModel("m", url, "sk-1")
    try:
        with pytest.raises(ModelError) as caught:
            await model.respond(ASKED, lambda text: None)
    finally:
        await model.aclose()
    return caught.value


async def test_a_dead_proxy_does_not_stand_before_this_machine(monkeypatch, nobody):
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, nobody)
    monkeypatch.setenv("no_proxy", "")
    async with Endpoint([{"text": "ok"}]) as endpoint:
        model = OpenAIModel("m", endpoint.url)
        assert (await model.respond(ASKED, lambda text: None)).text == "ok"
        await model.aclose()


async def test_a_dead_proxy_is_named_and_not_the_server(monkeypatch, nobody):
    monkeypatch.setenv("http_proxy", nobody.replace("://", "://me:pass-word@"))
    monkeypatch.setenv("no_proxy", "")
    error = await failure("http://model.example/v1")
    assert isinstance(error, ModelUnavailable)
    assert f"through the proxy {nobody}" in str(error) and "check HTTPS_PROXY" in str(error)
    assert "server running" not in str(error) and "pass-word" not in str(error)


def self_signed(file: Path) -> Path:
    """Write a key and a certificate that nobody but its owner has signed."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    made = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now, now + timedelta(1))
    plain = (serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    pem = serialization.Encoding.PEM
    file.write_bytes(key.private_bytes(pem, *plain) + made.sign(key, hashes.SHA256()).public_bytes(pem))
    return file


@pytest.fixture
async def secure(tmp_path):
    """Return the address of a server whose certificate nobody has signed."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(self_signed(tmp_path / "both.pem"))
    server = await asyncio.start_server(lambda reader, writer: writer.close(), "127.0.0.1", 0, ssl=context)
    async with server:
        yield f"https://localhost:{server.sockets[0].getsockname()[1]}/v1"


async def test_a_certificate_that_is_not_trusted_is_tried_once_and_said_as_such(secure):
    process = await llmos.run("go", model=f"{secure}#m", namespace={})
    detail = process.run.state.detail
    assert process.reason == "failed" and sum(e.k == "model.requested" for e in process.events) == 1
    assert "the certificate of https://localhost" in detail and "SSL_CERT_FILE" in detail
    assert "server running" not in detail


async def test_a_server_without_tls_is_said_as_such():
    async with Endpoint([{"text": "ok"}]) as endpoint:
        error = await failure(endpoint.url.replace("http:", "https:"))
    assert isinstance(error, ModelRefused)
    assert "no secure connection" in str(error) and "https:// or http://" in str(error)


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_a_redirect_carries_neither_key_nor_prompt_along(status):
    async with WireReplay([]) as other:
        away = {"status": status, "headers": {"location": f"{other.url}/v1/chat/completions"}}
        async with WireReplay([away]) as server:
            error = await failure(f"{server.url}/v1")
        assert other.asked == []
    assert isinstance(error, ModelRefused) and f"sends requests on to {other.url}" in str(error)


@pytest.mark.parametrize(
    ("url", "here"),
    [
        ("http://localhost:1/v1", True),
        ("http://127.8.9.1/v1", True),
        ("http://[::1]:80/v1", True),
        ("http://model.localhost/v1", True),
        ("http://localhost.example/v1", False),
        ("http://10.0.0.1/v1", False),
    ],
)
def test_loopback_is_this_machine_alone(url, here):
    assert is_loopback(url) == here


def test_a_path_goes_before_the_query_of_a_base_url():
    base = checked_url("https://x.openai.azure.com/openai/deployments/d/?api-version=2024-10-21")
    assert under(base, "/chat/completions") == (
        "https://x.openai.azure.com/openai/deployments/d/chat/completions?api-version=2024-10-21"
    )
    whole = "http://h/v1/chat/completions"
    assert under(checked_url(whole), "/chat/completions") == whole


def test_a_port_that_goes_without_saying_is_the_same_origin():
    assert same_origin("https://h/v1", "https://h:443/v2") and not same_origin("https://h/v1", "http://h/v1")
