"""What the `%agent` commands do; `app.verbs` names their handlers."""
