from . import manifest as manifest, skills as skills
from .make import aside as aside
