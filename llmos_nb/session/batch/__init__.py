"""Many runs from a list, over any executor."""

from llmos_nb.session.batch.batch import run_batch
from llmos_nb.session.batch.file import run_file

__all__ = ["run_batch", "run_file"]
