"""The one gate that every call passes: tool, schema, repeats, rules, labels, whose word it stands on, people."""
