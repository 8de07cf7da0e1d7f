"""The state of a training run, and how it is kept in a folder and taken up again."""

from __future__ import annotations

import dataclasses
import hashlib
from pathlib import Path
from typing import Any, NoReturn

import torch
from torch import Tensor

from .checkpoint import (
    EXTRA,
    TRAINING,
    WEIGHTS,
    AnyTokenizer,
    check_vocabulary,
    load_tensors,
    read_json,
    save_checkpoint,
    verified_files,
)
from .model import GPT
from .optim import make_optimizers
from .parallel import Processes
from .run_folder import checkpoint_path, checkpoints, open_run, prune, write_log
from .train_config import History, TrainConfig, TrainingDiverged


class Run:
    """Optimizers, history and best weights of a run; saved to and restored from its folder.

    Every process of a run holds them all; process 0 alone writes to the folder.
    """

    def __init__(
        self,
        model: GPT,
        config: TrainConfig,
        folder: str | Path | None,
        tokenizer: AnyTokenizer | None,
        identity: dict[str, Any],
        group: Processes,
    ) -> None:
        self.model, self.config, self.folder, self.tokenizer = model, config, folder, tokenizer
        self.group = group
        self.optimizers = make_optimizers(
            model,
            optimizer=config.optimizer,
            learning_rate=config.learning_rate,
            embedding_learning_rate=config.embedding_learning_rate,
            muon_learning_rate=config.muon_learning_rate,
            muon_momentum=config.muon_momentum,
            betas=config.betas,
            weight_decay=config.weight_decay,
        )
        self.history = History()
        self.step = 0
        self.best: dict[str, Tensor] = {}
        if group.any(identity != group.on_main(lambda: identity)):
            raise ValueError(
                f"the {group.size} processes were given different models, settings or data: give "
                "all of them the same; each takes its rows of every batch"
            )
        if folder is None:
            return
        if tokenizer is not None:
            check_vocabulary(model, tokenizer, folder)
        if found := group.on_main(lambda: open_run(folder, identity)):
            self._restore(found)  # in every process
        else:
            self.save()  # the weights at the start: whoever resumes may bring a changed model

    def remember_best(self, val_loss: float) -> None:
        if self.config.patience is not None and val_loss <= min(self.history.val_loss):
            self.best = {name: w.detach().clone() for name, w in self.model.state_dict().items()}

    def why_stop(self, interrupted: bool) -> str:
        """Reason to stop now, or an empty text; the best weights, if kept, come back at the end."""
        losses, patience = self.history.val_loss, self.config.patience
        worse = len(losses) - 1 - losses.index(min(losses)) if losses else 0
        if patience is not None and worse >= patience:
            reason = "early stop"
        elif self.step == self.config.steps:
            reason = "finished"
        else:
            return "interrupted" if interrupted else ""
        if self.best:
            self.model.load_state_dict(self.best)
        return reason

    def diverged(self, step: int, what: str) -> NoReturn:
        """Raise TrainingDiverged for the given step (counted from 1)."""
        raise TrainingDiverged(
            f"step {step}: {what}; {self.kept()}. Lower the learning rate (now "
            f"{self.config.learning_rate}), or look for broken numbers in the data"
        )

    def kept(self) -> str:
        """Which checkpoint stands, in words."""
        last = checkpoints(Path(self.folder)) if self.folder is not None else []
        return f"the last good checkpoint is {last[-1]}" if last else "there is no checkpoint yet"

    def save(self) -> None:
        """Write the log and a checkpoint of this step, and delete the oldest."""
        self.group.on_main(self._save)

    def _save(self) -> None:
        if not all(bool(torch.isfinite(w).all()) for w in self.model.parameters()):
            self.diverged(self.step, "a weight is no longer a number")
        if self.folder is None:
            return
        path = checkpoint_path(self.folder, self.step)
        tensors = {f"best.{name}": weight for name, weight in self.best.items()}
        for number, optimizer in enumerate(self.optimizers):
            for index, state in optimizer.state_dict()["state"].items():
                for name, value in state.items():
                    tensors[f"optimizer.{number}.{index}.{name}"] = value
        extra = {"history": dataclasses.asdict(self.history) | {"stopped": self._lasting_reason()}}
        h = self.history
        val = dict(zip(h.val_step, h.val_loss, strict=True))
        columns: dict[str, list[Any]] = {
            "step": h.step,
            "train_loss": h.train_loss,
            "learning_rate": h.learning_rate,
            "val_loss": [val.get(step, "") for step in h.step],
        }
        write_log(self.folder, columns)  # first, so that a finished run's log is complete
        save_checkpoint(path, self.model, self.tokenizer, extra=extra, training=tensors)
        prune(self.folder, self.config.keep_checkpoints)

    def _lasting_reason(self) -> str:
        return "" if self.history.stopped == "interrupted" else self.history.stopped

    def _restore(self, path: Path) -> None:
        if TRAINING not in verified_files(path):
            raise ValueError(
                f"{path} holds a model without the state of a training run: take it out of "
                f"{self.folder}, or choose another folder"
            )
        self.history = History(**read_json(path / EXTRA)["history"])
        self.step = self.history.step[-1] if self.history.step else 0
        self.model.load_state_dict(load_tensors(path / WEIGHTS))
        tensors = load_tensors(path / TRAINING)
        states: list[dict[int, dict[str, Tensor]]] = [{} for _ in self.optimizers]
        for name, tensor in tensors.items():
            kind, rest = name.split(".", 1)
            if kind == "best":
                self.best[rest] = tensor.to(self.model.device)
            else:
                number, index, entry = rest.split(".", 2)
                states[int(number)].setdefault(int(index), {})[entry] = tensor
        for optimizer, state in zip(self.optimizers, states, strict=True):
            optimizer.load_state_dict(optimizer.state_dict() | {"state": state})


def identity(model: GPT, train: object, val: object, config: TrainConfig) -> dict[str, Any]:
    """What decides a run's result; what only decides how it is kept or computed is left out."""
    settings = dataclasses.asdict(config)
    for name in ("checkpoint_interval", "keep_checkpoints", "compile"):
        del settings[name]
    data = {
        f"{name}_sha256": hashlib.sha256(ids.cpu().numpy().tobytes()).hexdigest()
        for name, ids in (("train", train), ("val", val))
        if isinstance(ids, Tensor)
    }
    return {"model": model.config.to_dict(), "training": settings, "data": data}
