"""Notebooks that run as steps: made from runs, installed, tested."""

from llmos_nb.session.skills import manifest, skills
from llmos_nb.session.skills.make import aside

__all__ = ["aside", "manifest", "skills"]
