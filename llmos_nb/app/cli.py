"""The `llmos` command: parse, call, show."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pkgutil import resolve_name

from llmos_nb.app.options import Parser, find, offered
from llmos_nb.errors import LlmosError
from llmos_nb.policy.secrets import redact


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; an error is one line on standard error and exit code 2."""
    words = list(sys.argv[1:] if argv is None else argv)
    try:
        if not words or words[0] in ("-h", "--help", "help"):
            print(usage())
            return 0
        parser = parser_of(words[0])
        if "--help" in words or "-h" in words:
            print(parser.format_help())
            return 0
        return int(resolve_name(find(words[0], "llmos").run)(parser.read(words[1:])))
    except LlmosError as error:
        print(redact(f"{type(error).__name__}: {error}"), file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return 130


def parser_of(name: str) -> Parser:
    """Return the parser of one command."""
    form = find(name, "llmos")
    parser = Parser(f"llmos {name}", description=form.help)
    for flag in form.flags:
        parser.add_argument(*flag.names, **flag.how)
    return parser


def usage() -> str:
    """Return the help of the whole command."""
    found = ((v.name, (v.llmos and v.llmos.help) or v.help) for v in offered("llmos"))
    rows = [f"  llmos {name}".ljust(18) + text for name, text in found]
    return "A Jupyter kernel as an operating system for language-model agents.\n" + "\n".join(rows)


if __name__ == "__main__":
    sys.exit(main())
