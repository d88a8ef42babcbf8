"""Whatever answers a prompt, behind one protocol: OpenAI-compatible endpoints, the local model, scripts and replays.

Here belongs what turns a request into a response, and what is known of models (traits, prices). A new provider is a new
package here, or an entry point of another package. Imports: policy, journal, messages and errors.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
