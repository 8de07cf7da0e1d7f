"""Optimizers and schedules: Muon for hidden matrices, AdamW for the rest."""

from __future__ import annotations

import math
from collections import defaultdict
from typing import Any

import torch
from torch import Tensor, nn


def orthogonalize(matrices: Tensor, steps: int = 5) -> Tensor:
    """Bring the singular values of matrices (N, R, C) near 1.

    Those that are not very small beside the largest end between about 0.68 and 1.21; very small
    ones grow by a factor of up to 485 (3.4445 to the power of 5), and zeros stay.

    Newton-Schulz iteration with the quintic of Jordan et al. 2024 ("Muon: an optimizer for
    hidden layers in neural networks"): x becomes (a + b g + c g^2) x with g = x x^T. All these
    factors are polynomials in the first g, so they commute: the iteration runs on the small
    square matrices alone, and x is multiplied once, at the end. For a matrix four times as wide
    as high that takes half the operations.
    """
    a, b, c = 3.4445, -4.7750, 2.0315
    tall = matrices.size(1) > matrices.size(2)
    x = matrices.mT if tall else matrices
    x = x / (x.norm(dim=(1, 2), keepdim=True) + 1e-7)
    gram = x @ x.mT  # (N, m, m) with m = min(R, C)
    identity = torch.eye(gram.size(1), dtype=x.dtype, device=x.device)
    product = identity
    for step in range(steps):
        factor = a * identity + torch.baddbmm(gram, gram, gram, beta=b, alpha=c)
        product = factor @ product if step else factor
        if step < steps - 1:
            gram = factor @ gram @ factor
    x = product @ x
    return x.mT if tall else x


class Muon(torch.optim.Optimizer):
    """Momentum, then the nearest orthogonal matrix: every direction moves by the same amount.

    For 2-D weights of hidden layers. Matrices of one shape are orthogonalised together, which
    is why this stands here beside torch.optim.Muon. The update is scaled by
    sqrt(max(1, rows / columns)), and decoupled weight decay is applied as in AdamW.
    """

    def __init__(
        self,
        params: Any,
        lr: float = 0.02,
        momentum: float = 0.95,
        weight_decay: float = 0.0,
    ) -> None:
        """Raises ValueError for a parameter that is no matrix, and numbers out of range."""
        if not lr >= 0 or not 0 <= momentum < 1 or not weight_decay >= 0:
            raise ValueError(
                f"lr={lr}, momentum={momentum}, weight_decay={weight_decay}: must be lr >= 0, "
                "0 <= momentum < 1 and weight_decay >= 0"
            )
        super().__init__(params, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})
        for group in self.param_groups:
            if bad := [tuple(p.shape) for p in group["params"] if p.dim() != 2]:
                raise ValueError(
                    f"Muon updates matrices only, not shapes {bad}: give these to AdamW"
                )

    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:
        """Update all weights that have a gradient; returns what `closure`, if given, returns."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            same_shape = defaultdict(list)
            for weight in group["params"]:
                if weight.grad is not None:
                    same_shape[weight.shape].append(weight)
            for (rows, columns), weights in same_shape.items():
                update = self._directions(weights, group["momentum"])  # (N, rows, columns)
                scale = group["lr"] * math.sqrt(max(1.0, rows / columns))
                for weight, direction in zip(weights, update, strict=True):
                    weight.mul_(1 - group["lr"] * group["weight_decay"])
                    weight.sub_(direction, alpha=scale)
        return loss

    def _directions(self, weights: list[Tensor], momentum: float) -> Tensor:
        ahead = []
        for weight in weights:
            assert weight.grad is not None
            state = self.state[weight]
            if "momentum_buffer" not in state:
                state["momentum_buffer"] = torch.zeros_like(weight)
            buffer = state["momentum_buffer"]
            buffer.lerp_(weight.grad, 1 - momentum)
            ahead.append(torch.lerp(weight.grad, buffer, momentum))  # Nesterov
        return orthogonalize(torch.stack(ahead))


def make_optimizers(
    model: nn.Module,
    *,
    optimizer: str = "muon",
    learning_rate: float = 1e-2,
    embedding_learning_rate: float | None = None,
    muon_learning_rate: float = 0.03,
    muon_momentum: float = 0.9,
    betas: tuple[float, float] = (0.9, 0.95),
    weight_decay: float = 0.1,
) -> list[torch.optim.Optimizer]:
    """AdamW alone, or Muon for the matrices inside the blocks and AdamW for the rest.

    `embedding_learning_rate` is that of the token embeddings (and of a head tied to them), whose
    rows see few batches; None: `learning_rate`, as for all else that AdamW trains. LoRA's thin
    matrices are for AdamW: made orthogonal, all their directions would count alike.
    Weight decay acts on matrices, not on norms and biases. Frozen weights are left out. Every
    group remembers its rate as `initial_lr`, which a schedule scales. Raises ValueError for an
    unknown optimizer, and if every weight is frozen.
    """
    if optimizer not in ("adamw", "muon"):
        raise ValueError(f"optimizer={optimizer!r}: choose 'adamw' or 'muon'")
    trained = [(name, w) for name, w in model.named_parameters() if w.requires_grad]
    if not trained:
        raise ValueError("every weight is frozen: call requires_grad_(True) on what shall learn")
    inside = [
        w for name, w in trained if "h" in name.split(".") and w.dim() == 2 and ".lora_" not in name
    ]
    hidden = inside if optimizer == "muon" else []
    taken = {id(w) for w in hidden}
    rest = [w for _, w in trained if id(w) not in taken]
    tokens = {id(w) for name, w in trained if name.startswith("wte")}
    own = embedding_learning_rate is not None
    groups: list[dict[str, Any]] = [
        {
            "params": [w for w in rest if w.dim() >= 2 and not (own and id(w) in tokens)],
            "weight_decay": weight_decay,
        },
        {"params": [w for w in rest if w.dim() < 2], "weight_decay": 0.0},
    ]
    if own:
        embeddings = [w for w in rest if id(w) in tokens]
        groups.append(
            {"params": embeddings, "weight_decay": weight_decay, "lr": embedding_learning_rate}
        )
    groups = [group for group in groups if group["params"]]
    optimizers: list[torch.optim.Optimizer] = []
    if hidden:
        muon = Muon(hidden, muon_learning_rate, muon_momentum, weight_decay)
        optimizers.append(muon)
    if groups:
        fused = all(w.device.type in ("cpu", "cuda") for w in rest)
        optimizers.append(torch.optim.AdamW(groups, lr=learning_rate, betas=betas, fused=fused))
    for each in optimizers:
        for group in each.param_groups:
            group["initial_lr"] = group["lr"]
    return optimizers


def schedule_factor(
    step: int,
    steps: int,
    *,
    schedule: str = "wsd",
    warmup_steps: int = 0,
    decay_fraction: float = 1.0,
    min_factor: float = 0.0,
) -> float:
    """What the learning rate is multiplied by at `step` of `steps`.

    "wsd": warm up, stay, then fall in a straight line over the last `decay_fraction`
    (2404.06395). "cosine": warm up, then fall along half a cosine (1608.03983). "constant":
    warm up, then stay. Both falls end at `min_factor`. With decay_fraction=1 "wsd" falls from step
    0 on, so that after a warm-up of w steps it goes on at 1 - w / steps.
    """
    if schedule not in ("wsd", "cosine", "constant"):
        raise ValueError(f"schedule={schedule!r}: choose 'wsd', 'cosine' or 'constant'")
    if step < warmup_steps:
        return (step + 1) / (warmup_steps + 1)
    if schedule == "constant":
        return 1.0
    if schedule == "cosine":
        done = (step - warmup_steps) / max(1, steps - warmup_steps)
        return min_factor + (1 - min_factor) * 0.5 * (1 + math.cos(math.pi * min(1.0, done)))
    left = (steps - step) / max(1.0, decay_fraction * steps)
    return min_factor + (1 - min_factor) * max(0.0, min(1.0, left))
