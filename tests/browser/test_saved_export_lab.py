"""An export that JupyterLab opens and saves is still what was exported."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest
from front_ends import opened, save
from process_runs import ProcessRun

from llmos_nb.export import export
from llmos_nb.export.verify import verify

pytestmark = pytest.mark.browser


def exported(folder):
    run = ProcessRun("Do a thing", folder)
    run.begin()
    run.step("x = 2.0\nprint('made')\nx")
    run.end("It is {{x}}.")
    return export(run.source(), folder / "kept.ipynb")


def test_export_that_lab_has_opened_and_saved_is_unchanged_and_an_edit_is_found(browser, server):
    folder = server[2]
    with ThreadPoolExecutor(1) as apart:  # the driver of the browser runs an event loop on this thread
        path = apart.submit(exported, folder).result()
    before = path.read_bytes()
    page = opened(browser, server, "lab", "kept")
    page.locator(".lm-TabBar .jp-mod-dirty").first.wait_for()  # it notes what its interpreter is
    save(page)
    page.close()
    assert path.read_bytes() != before
    report = verify(path, "unchanged")
    assert [str(d) for d in report.differences] == [] and report.reached == "unchanged"
    book = json.loads(path.read_text("utf-8"))
    book["metadata"]["llmos_nb"]["tolerance"]["rel"] = 1
    path.write_text(json.dumps(book), "utf-8")
    assert not verify(path, "unchanged").ok
