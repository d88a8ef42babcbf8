"""Secrets: the vault that keeps their values out of prompts, journals and exports, and the shapes they have."""

from llmos_nb.policy.secrets.shapes import named_secret, secret_name, secret_text
from llmos_nb.policy.secrets.vault import SecretStr, Stream, Vault, handle, redact, vault

__all__ = [
    "SecretStr",
    "Stream",
    "Vault",
    "handle",
    "named_secret",
    "redact",
    "secret_name",
    "secret_text",
    "vault",
]
