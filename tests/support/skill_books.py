"""Notebooks of skills, as an author writes them."""

from llmos_nb.session.skills.manifest import notebook_hash


def cell(source, *tags):
    return {
        "cell_type": "code", "id": f"c{abs(hash(source)) % 10**6}", "metadata": {"tags": list(tags)},
        "source": source, "outputs": [], "execution_count": None,
    }  # fmt: skip


def book(*cells, **manifest):
    """A notebook of a skill, with its hash."""
    said = {
        "name": "scale", "version": "1.0", "description": "Scale numbers.", "rights": [],
        "parameters": {"factor": {"type": "float", "default": 2.0}},
    }  # fmt: skip
    found = {
        "cells": list(cells)
        or [
            cell("factor = 2.0", "parameters"),
            cell("scaled = [factor * n for n in range(3)]"),
            cell("assert scaled == [0.0, 2.0, 4.0]", "test"),
        ],
        "metadata": {"llmos_nb": {"skill": {**said, **manifest}}},
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    found["metadata"]["llmos_nb"]["skill"]["sha256"] = notebook_hash(found)
    return found
