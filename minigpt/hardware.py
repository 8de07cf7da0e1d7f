"""What a computation runs on: the device, the number of threads, and the number format."""

from __future__ import annotations

import os
from pathlib import Path

import torch

THREAD_SETTINGS = ("MKL_NUM_THREADS", "OMP_NUM_THREADS")  # what a user may set; PyTorch reads both


def choose_device(name: str = "auto") -> tuple[torch.device, str]:
    """The device of that name, and why it is this one; "auto": CUDA if it is there, else the CPU.

    Under torchrun each process of a machine gets a GPU of its own. Raises ValueError if the
    device cannot be used, or if there are more processes than GPUs.
    """
    rank, processes = processes_here()
    why = f"--device {name}"
    if name == "auto":  # not MPS: its results were wrong too often to be chosen unasked
        there = torch.cuda.is_available()
        name, why = ("cuda", "CUDA is here") if there else ("cpu", "no CUDA device is here")
    try:
        device = torch.device(name)
        if processes > 1 and device.type != "cpu":
            device = _own_gpu(name, rank, processes)
        torch.ones(1, device=device).item()
    except (RuntimeError, AssertionError, ImportError) as error:
        reason = str(error).partition("\n")[0]
        raise ValueError(
            f"--device {name} cannot be used here ({reason}): try --device cpu"
        ) from None
    return device, why


def _own_gpu(name: str, rank: int, processes: int) -> torch.device:
    if name != "cuda":
        raise ValueError(
            f"--device {name} is one device, but torchrun has started {processes} processes: "
            "choose --device cuda (each takes a GPU of its own) or --device cpu"
        )
    if 0 < (gpus := torch.cuda.device_count()) < processes:
        raise ValueError(
            f"{processes} processes cannot share {gpus} GPUs: start at most as many processes as "
            "there are GPUs, or choose --device cpu"
        )
    if gpus:
        torch.cuda.set_device(rank)
    return torch.device("cuda", rank)


def processes_here() -> tuple[int, int]:
    """Number of this process among those that torchrun started on this machine, and their count."""
    if "TORCHELASTIC_RUN_ID" not in os.environ:
        return 0, 1
    return int(os.environ["LOCAL_RANK"]), int(os.environ["LOCAL_WORLD_SIZE"])


def choose_threads() -> tuple[int, str]:
    """Set PyTorch's number of threads to what this process really has; returns it and why.

    A user's OMP_NUM_THREADS or MKL_NUM_THREADS stands. Otherwise it is the cores that this
    process may use, divided among the processes of this machine under torchrun; one process
    alone never gets more threads than PyTorch has chosen or was told.
    """
    now = torch.get_num_threads()
    names = [n for n in THREAD_SETTINGS if os.environ.get(n) and not _set_by_torchrun(n)]
    if told := [n for n in names if os.environ[n] == str(now)]:
        return now, told[0]
    if names:
        return now, "as PyTorch was told"
    cores, why = available_cores()
    _, processes = processes_here()
    threads = max(1, cores // processes)
    if processes > 1:
        why += f", {cores} for {processes} processes"
    elif now < threads:
        threads, why = now, "as PyTorch was told"
    torch.set_num_threads(threads)
    return threads, why


def _set_by_torchrun(name: str) -> bool:
    """Whether torchrun, not the user, has set OMP_NUM_THREADS to 1, as it does if it is not set.

    torchrun is the parent, and Linux shows the environment that the parent was started with.
    Elsewhere nobody can tell: then 1 counts as the user's wish.
    """
    if name != "OMP_NUM_THREADS" or os.environ[name] != "1" or processes_here()[1] == 1:
        return False
    try:
        given = Path(f"/proc/{os.getppid()}/environ").read_bytes()
    except OSError:
        return False
    return not any(entry.startswith(b"OMP_NUM_THREADS=") for entry in given.split(b"\0"))


def available_cores(root: Path = Path("/")) -> tuple[int, str]:
    """Processor cores that this process may use (at least 1), and what limits them.

    Counts the cores that the system lets this process run on (its affinity; two hardware threads
    of one core count once), and no more than a container's CPU quota. `root` is for tests.
    """
    there = os.cpu_count() or 1
    allowed = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set(range(there))
    cores = len({_siblings(number, root) for number in allowed})
    why = "cores of this machine" if len(allowed) >= there else "cores this process may use"
    quota = cpu_quota(root)
    if quota is not None and quota < cores:
        return max(1, int(quota)), f"CPU quota {quota:g}"
    return cores, why


def _siblings(number: int, root: Path) -> str:
    """A text that is the same for all hardware threads of one core."""
    place = root / f"sys/devices/system/cpu/cpu{number}/topology/thread_siblings_list"
    return _read(place) or str(number)


def cpu_quota(root: Path = Path("/")) -> float | None:
    """How many CPUs' time this process's control groups (version 1 or 2) grant; None: no limit.

    A limit of a parent group holds too. In a container, /proc may name a path of the host that
    cannot be seen; then the visible top of the hierarchy is the container's own group.
    """
    limits = []
    for line in _read(root / "proc/self/cgroup").splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers == "":
            tops = ["sys/fs/cgroup", "sys/fs/cgroup/unified"]
        elif "cpu" in controllers.split(","):
            tops = ["sys/fs/cgroup/cpu", f"sys/fs/cgroup/{controllers}"]
        else:
            continue
        for top in tops:
            group = Path(path.lstrip("/"))
            for folder in (group, *group.parents):  # the last is the top itself
                limits.append(_quota_of(root / top / folder))
    return min((limit for limit in limits if limit is not None), default=None)


def _quota_of(folder: Path) -> float | None:
    words = _read(folder / "cpu.max").split()  # "200000 100000" or "max 100000": version 2
    if not words:
        words = [_read(folder / f"cpu.cfs_{name}_us") for name in ("quota", "period")]
    try:
        quota, period = int(words[0]), int(words[1])
    except (ValueError, IndexError):  # no limit, no such file, or none that we understand
        return None
    return quota / period if quota > 0 and period > 0 else None


def _read(path: Path) -> str:
    try:
        return path.read_text("ascii").strip()
    except (OSError, UnicodeError):
        return ""


def bf16_pays(device: torch.device) -> bool:
    """Whether this device multiplies bfloat16 matrices in hardware."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    if device.type == "cpu":
        names = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
        return any(getattr(torch.cpu, name, lambda: False)() for name in names)
    return False


def choose_dtype(name: str, device: torch.device) -> tuple[str, str]:
    """Format of the matrix products ("float32" or "bfloat16") that a setting means, and why."""
    if name != "auto":
        return name, f"--dtype {name}"
    if bf16_pays(device):
        return "bfloat16", "auto: this hardware multiplies it"
    return "float32", "auto: this hardware does not multiply bfloat16"


def in_words(
    device: tuple[torch.device, str], threads: tuple[int, str], dtype: tuple[str, str], size: int
) -> str:
    """One line for what the functions above have chosen, and why, and the number of processes."""
    number = "1 process" if size == 1 else f"{size} processes (torchrun)"
    plural = "" if threads[0] == 1 else "s"
    return (
        f"{device[0]} ({device[1]}), {threads[0]} thread{plural} ({threads[1]}), "
        f"{dtype[0]} ({dtype[1]}), {number}"
    )
