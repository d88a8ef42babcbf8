from .source import code_for as code_for, content as content
