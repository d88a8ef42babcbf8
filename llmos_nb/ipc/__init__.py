"""Between processes: pipes, and mailboxes that are bounded, labelled and delivered once."""
