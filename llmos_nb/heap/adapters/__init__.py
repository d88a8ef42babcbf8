"""One adapter a kind of mutable object: how its state is kept, compared and put back."""
