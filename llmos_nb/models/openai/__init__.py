"""Endpoints that speak OpenAI's chat completions: the client, its stream, and its errors as ours."""
