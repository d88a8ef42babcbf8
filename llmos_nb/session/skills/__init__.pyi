from . import manifest as manifest, skills as skills
from .skills import aside as aside
