"""Ten questions with one right answer each, and where to read when it was another one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Question:
    """A question, its choices by letter, the right letter, and what to read."""

    text: str
    choices: Mapping[str, str]
    right: str
    read: str


_TENSORS = "PyTorch's tutorial 'Tensors', and the section 'Build it naively' below"
_INDEX = "NumPy's page 'Indexing on ndarrays': the rules are the same for tensors"
QUESTIONS = (
    Question("x has the shape (3, 5). What is the shape of x.T @ x?",
             {"a": "(3, 3)", "b": "(5, 5)", "c": "an error"}, "b",
             "matrix products: rows of the first with columns of the second"),
    Question("x has the shape (3, 5). What is the shape of x.sum(dim=1)?",
             {"a": "(5,)", "b": "(3,)", "c": "()"}, "b", _TENSORS),
    Question("a is (4, 1) and b is (6,). What is the shape of a + b?",
             {"a": "(4, 6)", "b": "(4, 1)", "c": "an error"}, "a",
             "NumPy's page 'Broadcasting': axes are matched from the right"),
    Question("What is x[:, -1] of an x of shape (2, 7)?",
             {"a": "the last row", "b": "the last column, shape (2,)",
              "c": "the last column, shape (2, 1)"}, "b", _INDEX),
    Question("log(a · b) is …", {"a": "log a · log b", "b": "log a + log b", "c": "log(a + b)"},
             "b", "logarithms turn products into sums: why losses of many tokens can be added"),
    Question("Two events of probability 0.5 and 0.1, independent. Both happen with …",
             {"a": "0.6", "b": "0.05", "c": "0.5"}, "b", "products of probabilities"),
    Question("What is 'the probability of b, given a' if a occurred 8 times, and b after it twice?",
             {"a": "2/8", "b": "2/10", "c": "8/2"}, "a",
             "conditional probability: of the cases with a, the share with b"),
    Question("f(w) = w², and w is 3. One step downhill with rate 0.1 leads to …",
             {"a": "2.4", "b": "3.6", "c": "2.7"}, "a",
             "the gradient is 2w = 6; a step subtracts rate times gradient"),
    Question("Which of these lists is a probability distribution?",
             {"a": "0.2, 0.3, 0.4", "b": "0.5, 0.7, -0.2", "c": "0.1, 0.1, 0.8"}, "c",
             "no number below 0, and all together exactly 1"),
    Question("What does w.grad hold after loss.backward()?",
             {"a": "how much the loss changes with each number of w", "b": "the new value of w",
              "c": "the loss"}, "a",
             "PyTorch's tutorial 'Automatic differentiation', and 'One step by hand' below"),
)  # fmt: skip


def questions() -> str:
    """All questions with their choices, as text."""
    lines = []
    for number, question in enumerate(QUESTIONS, start=1):
        choices = "   ".join(f"{letter}) {text}" for letter, text in question.choices.items())
        lines.append(f"{number:2}. {question.text}\n      {choices}")
    return "\n".join(lines)


def check(answers: str) -> str:
    """What to read for each answer that is not right. `answers`: ten letters, "-" for none.

    Whatever else is given gets a line that says what is wanted.
    """
    letters = "".join(str(answers).split()).lower()
    if len(letters) != len(QUESTIONS) or set(letters) - set("abc-"):
        return (
            f"Write {len(QUESTIONS)} letters, one for each question: a, b or c, and - for "
            f'"I do not know". Yours has {len(letters)}: {letters[:40]!r}'
        )
    if set(letters) == {"-"}:
        return "Not answered yet: put your ten letters in place of the dashes."
    lines = []
    for number, (question, letter) in enumerate(zip(QUESTIONS, letters, strict=True), start=1):
        if letter != question.right:
            said = "not answered" if letter == "-" else f"not {letter}"
            lines.append(f"{number:2}. {said}. Read: {question.read}.")
    right = len(QUESTIONS) - len(lines)
    advice = (
        "You have all you need."
        if right >= 8
        else "Read these first; an hour is enough."
        if right >= 5
        else "Take a day for a first course on tensors and probability; then come back."
    )
    return "\n".join([f"{right} of {len(QUESTIONS)} right. {advice}", *lines])
