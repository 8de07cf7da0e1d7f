"""The device and the threads that are chosen, on machines and in containers of every kind."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from minigpt import hardware, train
from minigpt.hardware import (
    available_cores,
    choose_device,
    choose_dtype,
    choose_threads,
    cpu_quota,
    in_words,
)


def machine(root: Path, files: dict[str, str]) -> Path:
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(content)
    return root


@pytest.mark.parametrize(
    ("files", "quota"),
    [
        ({}, None),
        ({"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "max 100000\n"}, None),
        ({"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "150000 100000\n"}, 1.5),
        (  # the narrowest limit on the way up
            {
                "proc/self/cgroup": "0::/a/b\n",
                "sys/fs/cgroup/a/b/cpu.max": "400000 100000\n",
                "sys/fs/cgroup/a/cpu.max": "300000 100000\n",
            },
            3.0,
        ),
        (  # a path of the host, which the container cannot see
            {"proc/self/cgroup": "0::/host/x\n", "sys/fs/cgroup/cpu.max": "200000 100000\n"},
            2.0,
        ),
        (
            {
                "proc/self/cgroup": "4:memory:/x\n2:cpu,cpuacct:/docker/1\n",
                "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us": "250000\n",
                "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us": "100000\n",
            },
            2.5,
        ),
        (
            {
                "proc/self/cgroup": "1:cpu:/\n",
                "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1\n",
                "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n",
            },
            None,
        ),
        ({"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "nonsense\n"}, None),
    ],
    ids=["none", "v2 max", "v2", "v2 parent", "v2 host path", "v1", "v1 no limit", "nonsense"],
)
def test_cpu_quota(tmp_path, files, quota):
    assert cpu_quota(machine(tmp_path, files)) == quota


def with_cpus(monkeypatch, there: int, allowed: set[int]) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: there)
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: allowed, raising=False)


@pytest.mark.parametrize(
    ("allowed", "quota", "expected"),
    [
        ({0, 1, 2, 3}, None, (4, "cores of this machine")),
        ({0, 2}, None, (2, "cores this process may use")),
        ({0, 1, 2, 3}, "250000 100000", (2, "CPU quota 2.5")),
        ({0, 1, 2, 3}, "50000 100000", (1, "CPU quota 0.5")),
        ({0}, "300000 100000", (1, "cores this process may use")),
    ],
)
def test_cores_are_what_affinity_and_quota_leave(tmp_path, monkeypatch, allowed, quota, expected):
    with_cpus(monkeypatch, 4, allowed)
    files = {"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": quota or "max 100000"}
    assert available_cores(machine(tmp_path, files)) == expected


def test_two_hardware_threads_are_one_core(tmp_path, monkeypatch):
    with_cpus(monkeypatch, 4, {0, 1, 2, 3})
    place = "sys/devices/system/cpu/cpu{}/topology/thread_siblings_list"
    root = machine(tmp_path, {place.format(n): f"{n % 2},{n % 2 + 2}\n" for n in range(4)})
    assert available_cores(root)[0] == 2


def test_a_system_without_affinity(tmp_path, monkeypatch):
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 3)
    assert available_cores(tmp_path) == (3, "cores of this machine")


@pytest.fixture
def threads(monkeypatch):
    """No settings, eight cores; records what PyTorch is told."""
    for name in (*hardware.THREAD_SETTINGS, "TORCHELASTIC_RUN_ID"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(hardware, "available_cores", lambda: (8, "cores of this machine"))
    monkeypatch.setattr(torch, "get_num_threads", lambda: 64)
    told = []
    monkeypatch.setattr(torch, "set_num_threads", told.append)
    return told


def under_torchrun(monkeypatch, rank: int, size: int) -> None:
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "none")
    monkeypatch.setenv("LOCAL_RANK", str(rank))
    monkeypatch.setenv("LOCAL_WORLD_SIZE", str(size))


def test_one_process_takes_all_cores(threads):
    assert choose_threads() == (8, "cores of this machine")
    assert threads == [8]


def test_one_process_takes_no_more_threads_than_it_was_given(threads, monkeypatch):
    monkeypatch.setattr(torch, "get_num_threads", lambda: 1)
    assert choose_threads() == (1, "as PyTorch was told")


@pytest.mark.parametrize("name", hardware.THREAD_SETTINGS)
def test_the_users_setting_wins(threads, monkeypatch, name):
    monkeypatch.setenv(name, "64")
    assert choose_threads() == (64, name)
    assert threads == []


@pytest.mark.parametrize(("size", "each"), [(2, 4), (3, 2), (16, 1)])
def test_processes_divide_the_cores(threads, monkeypatch, size, each):
    under_torchrun(monkeypatch, 1, size)
    assert choose_threads() == (each, f"cores of this machine, 8 for {size} processes")
    assert threads == [each]


# The parent of the process stands for torchrun, which sets OMP_NUM_THREADS=1 if it is not set.
PARENT = """
import os, subprocess, sys
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.update(TORCHELASTIC_RUN_ID="x", LOCAL_RANK="0", LOCAL_WORLD_SIZE="2")
code = "from minigpt.hardware import _set_by_torchrun as f; print(f('OMP_NUM_THREADS'))"
print(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux shows the parent's environment")
@pytest.mark.parametrize(("given", "expected"), [(None, "True"), ("1", "False"), ("2", "False")])
def test_torchruns_own_setting_is_told_from_the_users(given, expected):
    environment = {k: v for k, v in os.environ.items() if k != "OMP_NUM_THREADS"}
    if given is not None:
        environment["OMP_NUM_THREADS"] = given
    done = subprocess.run(
        [sys.executable, "-c", PARENT], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == expected, done.stderr


def test_device_auto(monkeypatch):
    monkeypatch.delenv("TORCHELASTIC_RUN_ID", raising=False)
    device, why = choose_device()
    assert device.type == ("cuda" if torch.cuda.is_available() else "cpu")
    assert why == ("CUDA is here" if torch.cuda.is_available() else "no CUDA device is here")
    assert choose_device("cpu") == (torch.device("cpu"), "--device cpu")


def test_processes_share_no_gpu(monkeypatch):
    under_torchrun(monkeypatch, 1, 2)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    with pytest.raises(ValueError, match="2 processes cannot share 1 GPUs: start at most"):
        choose_device("cuda")
    for name in ("cuda:1", "mps"):
        with pytest.raises(ValueError, match=f"--device {name} is one device.*2 processes"):
            choose_device(name)
    assert choose_device("cpu")[0] == torch.device("cpu")
    taken = []
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 4)
    monkeypatch.setattr(torch.cuda, "set_device", taken.append)
    assert hardware._own_gpu("cuda", 1, 2) == torch.device("cuda", 1)
    assert taken == [1]


def test_dtype(monkeypatch):
    cpu = torch.device("cpu")
    assert choose_dtype("bfloat16", cpu) == ("bfloat16", "--dtype bfloat16")
    for pays, expected in ((True, "bfloat16"), (False, "float32")):
        monkeypatch.setattr(hardware, "bf16_pays", lambda device, pays=pays: pays)
        name, why = choose_dtype("auto", cpu)
        assert name == expected
        assert why.startswith("auto: this hardware")
    assert train.bf16_pays is not None


def test_the_line_says_what_and_why():
    line = in_words((torch.device("cpu"), "a"), (1, "b"), ("float32", "c"), 1)
    assert line == "cpu (a), 1 thread (b), float32 (c), 1 process"
    line = in_words((torch.device("cuda", 0), "a"), (4, "b"), ("bfloat16", "c"), 2)
    assert line == "cuda:0 (a), 4 threads (b), bfloat16 (c), 2 processes (torchrun)"
