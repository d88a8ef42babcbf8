"""What is streamed belongs to the `live` block of the view, and is told without making a view."""

import fixtures_journals
import pytest

from llmos_nb.process.state.fold import fold
from llmos_nb.views.panel import Projector, live_of


@pytest.mark.parametrize("name", list(fixtures_journals.STATES))
def test_what_the_live_block_is_about_is_known_at_each_event_without_a_view(name):
    w = fixtures_journals.STATES[name]()
    projector, known = Projector(), set()
    for n, event in enumerate(w.events, 1):
        projector.heard(event)
        s = fold(w.events[:n])
        told = live_of(projector.view(s, w.events[:n])["now"]) if s.status == "running" else None
        assert projector.live(s) == told, (n, event.k)
        known.add(told)
    assert len(known) > 1 or len(w.events) < 4
