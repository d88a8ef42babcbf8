"""The proof of an exported notebook: checksums, runs in fresh interpreters, comparison, report."""

from llmos_nb.export.verify import execute, seal
from llmos_nb.export.verify.seal import hash_of
from llmos_nb.export.verify.verify import verify

__all__ = ["execute", "hash_of", "seal", "verify"]
