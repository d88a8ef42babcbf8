"""What a person types and sees: magics, `%agent` commands, the `llmos` command line, presenters.

Here belongs parsing and showing; nothing decides here. Imports: everything but lessons.
"""
