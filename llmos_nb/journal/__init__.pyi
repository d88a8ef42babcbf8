from . import host as host
from .acts import Acts as Acts
from .blobs import INLINE as INLINE, Blobs as Blobs, reference as reference, references as references
from .chain import (
    GENESIS as GENESIS,
    Event as Event,
    first as first,
    history as history,
    lineage as lineage,
    lost_values as lost_values,
    missing_payloads as missing_payloads,
    payloads as payloads,
    read as read,
    scan as scan,
    until as until,
)
from .database import opened as opened, writing as writing
from .events.decider import (
    INTERRUPT as INTERRUPT,
    NO_ONE as NO_ONE,
    PLAN as PLAN,
    YOU as YOU,
    Decider as Decider,
)
from .home import (
    HOW as HOW,
    MARK as MARK,
    Home as Home,
    home_of as home_of,
    is_address as is_address,
    mac as mac,
    pid_of as pid_of,
    who as who,
)
from .index import (
    Glance as Glance,
    Look as Look,
    driver_of as driver_of,
    last_known as last_known,
    look as look,
)
from .interpreters import (
    PLACE as PLACE,
    Interpreter as Interpreter,
    among_ancestors as among_ancestors,
    enter as enter,
    held_elsewhere as held_elsewhere,
    holder_of as holder_of,
    let_go as let_go,
    mark_holder as mark_holder,
    server_of as server_of,
    service_entry as service_entry,
)
from .journal import Journal as Journal
from .retention import KEEP_ALL as KEEP_ALL, Retention as Retention, parse_retention as parse_retention
