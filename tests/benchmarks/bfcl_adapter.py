"""Our signature → schema → validate path in the form that the function-calling checks want."""

from llmos_nb.errors import BadArguments
from llmos_nb.tools import as_tool, parse_arguments, validate


class Checked:
    """A tool with its schema and a validation that gives (ok, value or error)."""

    def __init__(self, fn):
        self.tool = as_tool(fn)
        self.schema = self.tool.schema

    def validate(self, arguments):
        try:
            return True, validate(self.tool, parse_arguments(arguments))
        except BadArguments as error:
            return False, str(error)


def make_tool(fn):
    return Checked(fn)
