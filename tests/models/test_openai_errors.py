"""What endpoints say instead of an answer, sorted: phrasings, statuses, waits."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from llmos_nb.errors import ContextOverflow, ModelError, ModelProtocol, ModelRefused, ModelUnavailable
from llmos_nb.models.openai.errors import classify, retry_after_s


@pytest.mark.parametrize(
    "said",
    [
        "This model's maximum context length is 8192 tokens, however you requested 9000",
        "prompt is too long: 210000 tokens > 200000 maximum",
        "the request exceeds the available context size. try increasing the context size",
        "The input token count (9) exceeds the maximum number of tokens allowed (8).",
        "Please reduce the length of the messages or completion.",
        "Input length 9000 exceeds the maximum length; too many tokens",
        {"message": "x", "code": "context_length_exceeded"},
        {"message": "x", "type": "exceed_context_size_error"},
    ],
)
def test_context_overflow_in_many_phrasings(said: object):
    assert isinstance(classify(400, {"error": said}), ContextOverflow)


@pytest.mark.parametrize(
    "said",
    [
        "registry.ollama.ai/library/phi does not support tools",
        '"auto" tool choice requires --enable-auto-tool-choice and --tool-call-parser to be set',
        "tools param requires --jinja flag",
        "Function calling is not enabled for this model",
        "Unsupported parameter: 'tools'",
        "No endpoints found that support tool use.",
    ],
)
@pytest.mark.parametrize("status", [400, 404, 500])
def test_tools_that_are_not_supported_in_many_phrasings(said: str, status: int):
    error = classify(status, {"error": {"message": said}})
    assert isinstance(error, ModelProtocol)
    assert not error.retryable
    assert "takes no tools" in str(error)


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (402, "Payment required", ModelRefused),
        (403, "no access", ModelRefused),
        (408, "", ModelUnavailable),
        (409, "", ModelUnavailable),
        (413, "too large", ContextOverflow),
        (422, {"detail": [{"msg": "field required"}]}, ModelProtocol),
        (429, "Rate limit: too many tokens a minute", ModelUnavailable),
        (502, "<html><body>Bad gateway</body></html>", ModelUnavailable),
        (503, "", ModelUnavailable),
        (529, {"error": {"type": "overloaded_error"}}, ModelUnavailable),
    ],
)
def test_http_statuses_become_typed_errors(status: int, body: object, kind: type[ModelError]):
    assert type(classify(status, body)) is kind


@given(
    st.integers(100, 599),
    st.recursive(
        st.none() | st.text() | st.integers() | st.binary(),
        lambda x: st.lists(x) | st.dictionaries(st.text(), x),
    ),
    st.none() | st.floats(0, 1e9),
    st.booleans(),
)
def test_any_error_body_becomes_one_line(status: int, body: object, wait: float | None, begun: bool):
    error = classify(status, {"error": body} if begun else body, wait, begun=begun)
    assert isinstance(error, ModelError)
    assert len(str(error).splitlines()) == 1
    str(error).encode()


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "2"}, 2.0),
        ({"retry-after-ms": "150", "retry-after": "2"}, 0.15),
        ({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}, 0.0),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "nan"}, None),
        ({}, None),
    ],
)
def test_retry_after_is_read_in_every_form(headers: dict[str, str], seconds: float | None):
    assert retry_after_s(headers) == seconds
