"""What this machine has: device, native precision, threads, versions.

Asked once per run and written into its spec.
"""

from __future__ import annotations

import ctypes
import os
import platform

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
"""The numbers of these settings in glibc's malloc.h."""
PACKAGES = (
    "graft-learn",
    "torch",
    "torchvision",
    "timm",
    "transformers",
    "peft",
    "accelerate",
    "scikit-learn",
    "numpy",
)


def device() -> str:
    """`cuda`, `mps` or `cpu`."""
    import torch

    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def accelerators() -> int:
    """The number of devices besides the processor."""
    import torch

    on = device()
    return torch.cuda.device_count() if on == "cuda" else int(on == "mps")


def synchronize() -> None:
    """Wait for the accelerator; otherwise a clock measures how fast work is queued."""
    import torch

    on = device()
    if on != "cpu":
        getattr(torch, on).synchronize()


def visible_device(number: int) -> str | None:
    """CUDA_VISIBLE_DEVICES for device `number`, modulo their count; None if there is just one."""
    count = accelerators()
    if count < 2:
        return None
    visible = os.environ.get("CUDA_VISIBLE_DEVICES") or ",".join(map(str, range(count)))
    return visible.split(",")[number % count].strip()


def native_precision(on: str) -> str:
    """`bf16` where the hardware computes it natively, else `fp32`."""
    import torch

    if on == "cuda":
        return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp32"
    if on != "cpu":
        return "fp32"
    has_bf16 = torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    # ATEN_CPU_CAPABILITY may keep torch from instructions that the processor has, and its attention
    # in bf16 then fails.
    uses_avx512 = torch.backends.cpu.get_cpu_capability().startswith("AVX512")
    return "bf16" if has_bf16 and uses_avx512 else "fp32"


def keep_freed_memory() -> None:
    """Let this process keep the memory of freed tensors for the next ones, if it runs on glibc.

    By default glibc returns blocks from 32 MB on to the system at once, which clears them anew at
    each allocation: a quarter of the time of fine-tuning a convolutional network.
    """
    if libc := _glibc():
        libc.mallopt(M_MMAP_THRESHOLD, 2**30)
        libc.mallopt(M_TRIM_THRESHOLD, 2**31 - 1)


def give_back_freed_memory() -> None:
    """Return what was kept to the system, before work whose tensors have other sizes.

    They would find no place among the old ones, and memory would grow by what both need.
    """
    if libc := _glibc():
        libc.malloc_trim(0)


def _glibc() -> ctypes.CDLL | None:
    is_glibc = platform.system() == "Linux" and platform.libc_ver()[0] == "glibc"
    return ctypes.CDLL(None) if is_glibc else None


def cores() -> int:
    """The processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def versions() -> dict[str, str]:
    """The versions of Python and of the packages that decide a run's outcome."""
    # Imported here: it takes a tenth of the time of `graft list`, which needs none of it.
    from importlib import metadata

    installed = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            installed[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return installed


def hardware() -> dict[str, str | int]:
    """The machine in words: system, processor, cores, memory, device, native precision."""
    import psutil
    import torch

    on = device()
    return {
        "system": f"{platform.system()} {platform.machine()}",
        "processor": _processor(),
        "cores": cores(),
        "memory_gb": round(psutil.virtual_memory().total / 2**30),
        "device": torch.cuda.get_device_name() if on == "cuda" else on,
        "native_precision": native_precision(on),
    }


def _processor() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            return next(
                line.split(":", 1)[1].strip() for line in file if line.startswith("model name")
            )
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()
