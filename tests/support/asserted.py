"""The assertions of an export as they test, without what they say when they fail."""

import ast


def bare(source: str) -> str:
    """Return code in which no assertion has a message."""
    body = ast.parse(source).body
    lines = source.splitlines()
    for node in reversed([n for n in body if isinstance(n, ast.Assert)]):
        lines[node.lineno - 1 : node.end_lineno] = [f"assert {ast.get_source_segment(source, node.test)}"]
    return "\n".join(lines)
