from .shapes import (
    named_secret as named_secret,
    secret_name as secret_name,
    secret_text as secret_text,
    secret_under as secret_under,
)
from .vault import (
    SecretStr as SecretStr,
    Stream as Stream,
    Vault as Vault,
    handle as handle,
    redact as redact,
    vault as vault,
)
