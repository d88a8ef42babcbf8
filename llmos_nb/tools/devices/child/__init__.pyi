from .child import Child as Child
from .inputs import as_input as as_input
from .launch import Setup as Setup, isolated as isolated, protections as protections, spawned as spawned
from .looking import forked as forked
from .settings import (
    ANY as ANY,
    UNTRUSTED as UNTRUSTED,
    Confinement as Confinement,
    parse_confinement as parse_confinement,
    parse_untrusted as parse_untrusted,
)
from .tables import (
    TABLE as TABLE,
    float_format as float_format,
    markdown_table as markdown_table,
)
from .worker import Connection as Connection, Worker as Worker, silence as silence
