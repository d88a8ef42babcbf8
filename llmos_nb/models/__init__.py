"""Whatever answers a prompt, behind one protocol: OpenAI-compatible endpoints, the local model, scripts and replays.

Here belongs what turns a request into a response, and what is known of models (traits, prices). A new provider is a new
package here, or an entry point of another package. Imports: policy, journal, messages and errors.
"""

from llmos_nb.models import prices
from llmos_nb.models.base import Model, Traits
from llmos_nb.models.prices import cost
from llmos_nb.models.spec import SCHEMES, resolve

__all__ = ["SCHEMES", "Model", "Traits", "cost", "prices", "resolve"]
