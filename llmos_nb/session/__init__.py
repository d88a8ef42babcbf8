"""Many processes over one notebook: start, steer, talk, come back.

Here belongs what a person does with processes (`Process`), what they share (`Session`), and the features that need more
than one of them: each is a `Part`, named in the table of `parts` and imported when it is first wanted. Imports: views,
export, process and what stands below.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
