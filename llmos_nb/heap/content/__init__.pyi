from .source import MODEL as MODEL, code_for as code_for, content as content
