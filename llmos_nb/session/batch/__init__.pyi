from .batch import run_batch as run_batch
from .file import (
    import_from_working_folder as import_from_working_folder,
    run_file as run_file,
    run_specs as run_specs,
)
from .worker import digest_of as digest_of, function_named as function_named
