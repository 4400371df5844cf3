"""Memory: how much is free, and whether it ran out."""

import psutil
import torch


def free_memory(device: torch.device) -> int:
    """Bytes that new tensors may take on a device; off a GPU, those free on the machine."""
    if device.type == "cuda":
        return (
            torch.cuda.mem_get_info(device)[0]
            + torch.cuda.memory_reserved(device)
            - torch.cuda.memory_allocated(device)
        )
    return psutil.virtual_memory().available


def out_of_memory(error: Exception) -> bool:
    """Whether memory ran out; torch's own class for it covers some of CUDA only, and an illegal
    access is another matter.
    """
    return isinstance(error, (torch.OutOfMemoryError, MemoryError)) or any(
        words in str(error) for words in ("out of memory", "allocate memory", "ALLOC_FAILED")
    )
