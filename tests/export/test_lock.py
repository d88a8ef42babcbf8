"""The lock: valid by the standard's own reader, complete, hashed where the index was asked, and installed."""

import base64
import hashlib
import json
import tomllib
import zipfile
from types import SimpleNamespace

import pytest
import tomli_w
from packaging.pylock import Pylock, PylockValidationError
from process_runs import ProcessRun

from llmos_nb.errors import LlmosError
from llmos_nb.export import export, lock as lock_module
from llmos_nb.export.cells import read, write
from llmos_nb.export.lock import imported, needed, pylock, wheels_of
from llmos_nb.export.verify import verify
from llmos_nb.export.verify.environment import environment, read_lock
from llmos_nb.export.verify.seal import seal

PANDAS = "import pandas as pd\n"


@pytest.fixture(autouse=True)
def own_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "jupyter"))
    monkeypatch.chdir(tmp_path)


def small(folder, code):
    r = ProcessRun("Do a thing", folder)
    r.begin()
    r.step(code)
    r.end("done")
    return r.source()


# what stands in it


@pytest.mark.parametrize(
    ("code", "wanted"),
    [
        ("df.style.bar()", "jinja2"), ("df.to_latex()", "jinja2"), ("df.plot()", "matplotlib"),
        ("df.hist()", "matplotlib"), ("df.to_parquet('x')", "pyarrow"), ("df.to_excel('x.xlsx')", "openpyxl"),
        ("s = df.a.astype('string[pyarrow]')", "pyarrow"), ("pd.read_csv('x', engine='pyarrow')", "pyarrow"),
        ("import duckdb\nduckdb.sql('select 1').pl()", "polars"),
    ],
)  # fmt: skip
def test_lock_has_what_a_library_loads_by_name(code, wanted, monkeypatch):
    monkeypatch.setattr(lock_module, "_installed", lambda name: True)
    assert wanted in imported([PANDAS + code])
    assert wanted not in imported([PANDAS + "df.describe()"])


def test_method_of_the_same_name_of_another_library_needs_nothing():
    assert needed(["page.style = 'bold'\nline.plot()\nx = 'pyarrow'"]) == []


def test_lock_without_the_index_is_valid_and_says_which_pins_lack_hashes():
    plain = pylock([PANDAS])
    Pylock.from_dict(plain)
    assert plain["packages"] == []
    made = read_lock(tomli_w.dumps(plain))
    assert {"pandas", "numpy"} <= {p["name"] for p in made.pins} and made.hashed == []
    assert made.lacks == f"none of the {len(made.pins)} packages of the lock has the hash of a file"
    known = {"numpy": [wheel("numpy", next(p["version"] for p in made.pins if p["name"] == "numpy"))]}
    made = read_lock(tomli_w.dumps(pylock([PANDAS], known)))
    assert [p["name"] for p in made.hashed] == ["numpy"] and "pandas " in made.lacks and "numpy " not in made.lacks


def wheel(name, version):
    file = f"{name}-{version}-py3-none-any.whl"
    return {"name": file, "url": f"https://files.example.org/x/{file}", "hashes": {"sha256": "0" * 64}}


def test_lock_names_where_its_files_are():
    versions = {p["name"]: p["version"] for p in pylock([PANDAS])["tool"]["llmos_nb"]["pins"]}
    wheels = {n: [wheel(n.replace("-", "_"), v)] for n, v in versions.items()}
    plain = pylock([PANDAS], wheels)
    Pylock.from_dict(plain)
    assert {p["name"] for p in plain["packages"]} == set(needed([PANDAS])) and "pins" not in plain["tool"]["llmos_nb"]
    assert all(p["wheels"][0]["url"].startswith("https://files.example.org/") for p in plain["packages"])
    assert read_lock(tomli_w.dumps(plain)).lacks == ""
    wheels["numpy"][0]["name"] = wheels["numpy"][0]["name"].replace("-py3-none-any", "-cp311-cp311-linux_x86_64")
    assert "environments" in pylock([PANDAS], wheels) and "environments" not in plain


def test_package_without_a_file_is_refused_by_the_standards_reader():
    with pytest.raises(PylockValidationError):
        Pylock.from_dict({**pylock([PANDAS]), "packages": [{"name": "pandas", "version": "3.0"}]})


# asking the index


def answering(*there):
    """A pip that finds some pins and not others."""
    asked = []

    def run(command, **_):
        pins = [w for w in command if "==" in w]
        asked.append(pins)
        if set(pins) - set(there):
            return SimpleNamespace(returncode=1, stdout=b"", stderr=b"ERROR: No matching distribution found for x")
        found = [
            {"metadata": {"name": n}, "download_info": {"url": f"https://files.example.org/{n}-{v}-py3-none-any.whl",
             "archive_info": {"hashes": {"sha256": "1" * 64}}}} for n, _, v in (p.partition("==") for p in pins)
        ]  # fmt: skip
        return SimpleNamespace(returncode=0, stdout=json.dumps({"install": found}).encode(), stderr=b"")

    run.asked = asked
    return run


def test_pin_that_the_index_does_not_have_costs_itself_alone(monkeypatch):
    versions = {p["name"]: p["version"] for p in pylock([PANDAS])["tool"]["llmos_nb"]["pins"]}
    there = [f"{n}=={v}" for n, v in versions.items() if n != "numpy"]
    monkeypatch.setattr(lock_module.subprocess, "run", answering(*there))
    assert wheels_of(versions).keys() == versions.keys() - {"numpy"}


def test_what_the_index_gave_once_is_not_asked_again(monkeypatch):
    version = pylock(["import numpy"])["tool"]["llmos_nb"]["pins"][0]["version"]
    monkeypatch.setattr(lock_module.subprocess, "run", pip := answering(f"numpy=={version}"))
    assert wheels_of(["numpy"], ask=False) == {} and pip.asked == []
    first = wheels_of(["numpy"])
    assert first["numpy"][0]["hashes"] == {"sha256": "1" * 64} and len(pip.asked) == 1
    assert wheels_of(["numpy"]) == first == wheels_of(["numpy"], ask=False) and len(pip.asked) == 1


@pytest.mark.parametrize("url", ["file:///home/me/numpy.whl", "https://me:secret@index.example/numpy.whl"])
def test_file_that_nobody_else_can_install_or_that_holds_a_password_stays_out(url):
    info = {"url": url, "archive_info": {"hashes": {"sha256": "1"}}}
    assert lock_module._wheel(info) == {}
    assert lock_module._wheel({**info, "url": "https://index.example/numpy.whl"})["name"] == "numpy.whl"


# installing it


def tiny(folder, name="tiny_thing"):
    """A wheel of our own, with its hash."""
    about, record = f"{name}-1.0.dist-info", []
    path = folder / f"{name}-1.0-py3-none-any.whl"
    files = {
        f"{name}.py": "value = 7\n",
        f"{about}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n",
        f"{about}/WHEEL": "Wheel-Version: 1.0\nGenerator: x\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    with zipfile.ZipFile(path, "w") as archive:
        for file, text in files.items():
            digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
            record.append(f"{file},sha256={digest},{len(text)}")
            archive.writestr(file, text)
        archive.writestr(f"{about}/RECORD", "\n".join([*record, f"{about}/RECORD,,"]) + "\n")
    return path, hashlib.sha256(path.read_bytes()).hexdigest()


def locked(path, digest, **more):
    files = [{"name": path.name, "url": path.as_uri(), "hashes": {"sha256": digest}}]
    package = {"name": "tiny-thing", "version": "1.0", "wheels": files}
    return tomli_w.dumps({"lock-version": "1.0", "created-by": "x", "packages": [package], **more})


@pytest.mark.out_of_process
def test_file_of_another_hash_is_not_installed(tmp_path):
    path, digest = tiny(tmp_path)
    wrong = locked(path, digest[::-1])
    with pytest.raises(LlmosError, match="the lock could not be installed"):
        environment({"pylock": wrong})


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("lock-version = ", "not a valid pylock.toml"),
        ("lock-version = '1.0'", "not a valid pylock.toml"),
        ("lock-version = '9.0'\ncreated-by = 'x'\npackages = []", "not a valid pylock.toml"),
        ("lock-version = '1.0'\ncreated-by = 'x'\npackages = []\nrequires-python = '>=3.99'", "another Python or machine"),
        ("lock-version = '1.0'\ncreated-by = 'x'\npackages = []\nenvironments = [\"sys_platform == 'x'\"]", "another Python or machine"),
    ],
)  # fmt: skip
def test_lock_that_is_not_valid_or_for_elsewhere_is_one_line(text, said):
    with pytest.raises(LlmosError, match=said) as caught:
        read_lock(text)
    assert "\n" not in str(caught.value)


def test_lock_of_a_former_version_is_still_read():
    text = tomli_w.dumps({"lock-version": "1.0", "created-by": "x", "packages": [{"name": "numpy", "version": "2"}]})
    assert [p["name"] for p in read_lock(text).pins] == ["numpy"]


def test_report_says_which_pins_lack_hashes(tmp_path):
    path = export(small(tmp_path, "import packaging\nx = 1"), tmp_path / "x.ipynb")
    report = verify(path, "unchanged")
    assert "note: none of the 1 packages of the lock has the hash of a file" in report.text()
    book = read(path)
    book["metadata"]["llmos_nb"]["pylock"] = "lock-version = 1"
    seal(book)
    assert "the lock is not a valid pylock.toml" in verify(write(book, path), "unchanged").text()


@pytest.fixture
def index():
    """The package index; where it cannot be reached nothing can be said about installing from it."""
    if not wheels_of(["tomli-w"]):
        pytest.skip("the package index cannot be reached")


def test_export_from_the_index_is_complete_and_installs_and_runs(tmp_path, index):
    code = "import tomli_w\ntext = tomli_w.dumps({'a': 1})\nprint(text)"
    path = export(small(tmp_path, code), tmp_path / "x.ipynb", lock="index")
    plain = tomllib.loads(read(path)["metadata"]["llmos_nb"]["pylock"])
    Pylock.from_dict(plain)
    assert [p["name"] for p in plain["packages"]] == ["tomli-w"] and plain["packages"][0]["wheels"][0]["hashes"]
    report = verify(path, "same", fresh=True)
    assert report.ok and report.reached == "same", report.text()
    found = next(c for c in report.checks if c.level == "installs")
    assert found.counts == {"packages": 1, "hashes": 1} and "1 package and 1 hash" in report.text()
