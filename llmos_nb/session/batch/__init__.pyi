from .batch import run_batch as run_batch
from .file import run_file as run_file
