"""Several processes: starting them, wrapping a module for them, and whole tensors out of sharded ones.

Data-parallel training is `accelerate`'s. Sharding (FSDP) is torch's `fully_shard`, which accelerate calls too, but not on a
CPU: called here it works on both.
"""

from __future__ import annotations

import copy
import os
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
import torch.distributed as dist
from accelerate import Accelerator, PartialState
from accelerate.state import AcceleratorState
from accelerate.utils import convert_outputs_to_fp32
from torch import Tensor, nn

from geoglot.core.errors import ConfigError, GeoglotError, ResourceError
from geoglot.train.config import TrainConfig


def on_cpu() -> bool:
    """Say whether there is no accelerator to train on."""
    return not torch.accelerator.is_available()


def accelerator_of(config: TrainConfig) -> Accelerator:
    """Make the accelerator of a run. Raises ConfigError for what the device cannot do."""
    if config.precision == "fp16" and on_cpu():
        raise ConfigError('train.precision = "fp16" needs a GPU: use "bf16" or "no" on a CPU')
    if config.norms == "sync" and not torch.cuda.is_available():
        raise ConfigError('train.norms = "sync" needs GPUs (torch synchronises batch norms there only): use "frozen"')
    # another run of this process may have had another precision
    AcceleratorState._reset_state(reset_partial_state=False)
    accelerator = Accelerator(cpu=on_cpu(), mixed_precision=config.precision)
    if config.parallel == "fsdp" and config.precision == "fp16":
        raise ConfigError('train.parallel = "fsdp" trains with "bf16" or "no", not with "fp16"')
    if config.parallel == "fsdp" and accelerator.num_processes == 1:
        raise ConfigError('train.parallel = "fsdp" shards over several processes: start with --processes, or use "ddp"')
    return accelerator


def is_main() -> bool:
    """Say whether this process is the one that writes files; the others of a run compute along."""
    return bool(PartialState(cpu=on_cpu()).is_main_process)


@contextmanager
def main_first() -> Iterator[None]:
    """Let the main process run the block before the others do, so that it makes files that they then find."""
    with PartialState(cpu=on_cpu()).main_process_first():
        yield


def shard(model: nn.Module, accelerator: Accelerator) -> nn.Module:
    """Give a copy of a module whose parameters are spread over the processes, each block gathered when it is used.

    Blocks are the members of module lists. Scalars stay whole with every process. The copy computes in the accelerator's
    precision and gives float32.
    """
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import fully_shard

    made = copy.deepcopy(model).to(accelerator.device)
    mesh = init_device_mesh(accelerator.device.type, (accelerator.num_processes,))
    for parameter in made.parameters():  # fully_shard takes no other layout, such as channels-last
        parameter.data = parameter.data.contiguous()
    scalars = {p for p in made.parameters() if p.ndim == 0}  # fully_shard spreads rows
    for parent in made.modules():
        for block in parent if isinstance(parent, nn.ModuleList) else ():
            if any(p.requires_grad for p in block.parameters()):
                fully_shard(block, mesh=mesh, ignored_params=scalars)
    fully_shard(made, mesh=mesh, ignored_params=scalars)
    if accelerator.mixed_precision != "no":
        number = torch.bfloat16 if accelerator.mixed_precision == "bf16" else torch.float16
        cast = torch.autocast(accelerator.device.type, number)
        made.forward = convert_outputs_to_fp32(cast(made.forward))
    return made


@contextmanager
def apart(module: nn.Module) -> Iterator[None]:
    """Keep the gradients of the block with this process; a sharded module sends them at once in any case."""
    plain = getattr(module, "_orig_mod", module)  # of a compiled one
    if isinstance(plain, nn.parallel.DistributedDataParallel):
        with plain.no_sync():
            yield
    else:
        yield


def whole(value: Any) -> Any:
    """Give nested values with every sharded tensor put together, on the CPU; all processes must call it together."""
    from torch.distributed.tensor import DTensor

    if isinstance(value, DTensor):
        return value.full_tensor().cpu()
    if isinstance(value, Tensor):
        return value.detach().cpu()
    if isinstance(value, Mapping):
        return {key: whole(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(whole(item) for item in value)
    return value


def like(value: Tensor, pattern: Tensor) -> Tensor:
    """Give a whole tensor on the pattern's device, spread as the pattern is."""
    from torch.distributed.tensor import DTensor, distribute_tensor

    if isinstance(pattern, DTensor):
        return distribute_tensor(value.to(pattern.device), pattern.device_mesh, pattern.placements)
    return value.to(pattern.device)


def mean(values: Mapping[str, float], accelerator: Accelerator) -> dict[str, float]:
    """Give the mean over the processes of each figure."""
    if accelerator.num_processes == 1 or not values:
        return dict(values)
    names = sorted(values)
    found = torch.tensor([values[name] for name in names], dtype=torch.float32, device=accelerator.device)
    dist.all_reduce(found)
    return dict(zip(names, (found / accelerator.num_processes).tolist(), strict=True))


def told(text: str, accelerator: Accelerator) -> str:
    """Put together what the processes say, in their order; all must call it together."""
    if accelerator.num_processes == 1:
        return text
    found = [""] * accelerator.num_processes
    dist.all_gather_object(found, text)
    return "".join(found)


def agree(work: Callable[[], None], accelerator: Accelerator) -> None:
    """Let the main process do something; where it fails with an error of ours, all processes raise it."""
    told: list[GeoglotError | None] = [None]
    if accelerator.is_main_process:
        try:
            work()
        except GeoglotError as error:
            told = [error]
    if accelerator.num_processes > 1:
        dist.broadcast_object_list(told)
    if told[0] is not None:
        raise told[0]


def launch(work: Callable[..., None], processes: int, *args: Any) -> None:
    """Call ``work(*args)`` in so many processes of this machine, which find each other; with one, here.

    An error of ours in any of them ends all and is raised here. ``work`` must be a function of a module. Under torchrun
    or `accelerate launch`, which start the processes themselves, leave ``processes`` at 1.
    """
    if processes == 1:
        work(*args)
        return
    from torch import multiprocessing as mp
    from torch.multiprocessing.spawn import ProcessExitedException, ProcessRaisedException, start_processes

    if torch.cuda.is_available() and processes > torch.cuda.device_count():
        raise ConfigError(f"{processes} processes were asked for, but there are {torch.cuda.device_count()} GPUs: use so many")
    told = mp.get_context("spawn").SimpleQueue()
    made = start_processes(  # type: ignore[no-untyped-call]
        _begin, (work, args, processes, _port(), told), processes, join=False, start_method="spawn"
    )
    assert made is not None  # since they are not joined
    try:
        while not made.join():
            pass
    except (ProcessRaisedException, ProcessExitedException) as error:
        if not told.empty():
            raise told.get() from None
        if isinstance(error, ProcessExitedException):
            raise ResourceError(
                f"process {error.error_index} of {processes} ended with {error.signal_name or error.exit_code}, perhaps for lack "
                "of memory: use a smaller batch or fewer processes; the same command goes on from the last checkpoint"
            ) from None
        raise


def _begin(rank: int, work: Callable[..., None], args: tuple[Any, ...], processes: int, port: int, told: Any) -> None:
    """Run in a new process: say who it is, and put an error of ours where the parent finds it."""
    threads = max(1, (os.cpu_count() or 1) // processes)
    os.environ.setdefault("OMP_NUM_THREADS", str(threads))
    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    os.environ |= {
        "RANK": str(rank),
        "LOCAL_RANK": str(rank),
        "WORLD_SIZE": str(processes),
        "LOCAL_WORLD_SIZE": str(processes),
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
    }
    try:
        work(*args)
    except GeoglotError as error:
        told.put(error)
        raise
    finally:
        if dist.is_initialized():
            dist.destroy_process_group()


def _port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
