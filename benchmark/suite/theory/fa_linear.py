"""Feedback alignment in a linear network (Lillicrap et al. 2016, supplementary theorem).

    hidden h = A x, output W h, target T x, whitened inputs, E = T - W A
    dA/dt = B E,    dW/dt = E A^T

While the error goes to zero, B W + (B W)^T = A A^T + C is conserved.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.integrate import solve_ivp

Array = NDArray[np.float64]
INPUTS, HIDDEN, OUTPUTS, END, POINTS = 30, 20, 10, 20.0, 101


def derivative(A: Array, W: Array, B: Array, T: Array) -> tuple[Array, Array]:
    """dA/dt and dW/dt."""
    E = T - W @ A
    return B @ E, E @ A.T


def conserved(A: Array, W: Array, B: Array) -> Array:
    """C = B W + (B W)^T - A A^T."""
    return B @ W + (B @ W).T - A @ A.T


def run(seed: int = 0) -> dict[str, Any]:
    """Error, drift of C and the angle of B with W transposed over time, from zero weights."""
    rng = np.random.default_rng(seed)
    T = rng.standard_normal((OUTPUTS, INPUTS)) / np.sqrt(INPUTS)
    B = rng.standard_normal((HIDDEN, OUTPUTS)) / np.sqrt(OUTPUTS)
    shapes = (HIDDEN, INPUTS), (OUTPUTS, HIDDEN)
    size = HIDDEN * INPUTS

    def unpack(state: Array) -> tuple[Array, Array]:
        return state[:size].reshape(shapes[0]), state[size:].reshape(shapes[1])

    def rhs(_: float, state: Array) -> Array:
        return np.concatenate([d.ravel() for d in derivative(*unpack(state), B, T)])

    times = np.linspace(0, END, POINTS)
    start = np.zeros(size + OUTPUTS * HIDDEN)
    solution = solve_ivp(rhs, (0, END), start, t_eval=times, rtol=1e-9, atol=1e-12)
    states = [unpack(s) for s in solution.y.T]
    first = conserved(*states[0], B)
    angles = []
    for _, W in states[1:]:
        cosine = (B.T * W).sum() / np.linalg.norm(B) / np.linalg.norm(W)
        angles.append(float(np.degrees(np.arccos(cosine))))
    return {
        "times": times.tolist(),
        "error": [float(np.linalg.norm(T - W @ A) / np.linalg.norm(T)) for A, W in states],
        "drift": [float(np.abs(conserved(A, W, B) - first).max()) for A, W in states],
        "angle": [None, *angles],
    }


def summary(numbers: dict[str, Any]) -> str:
    return (
        f"relative error at the end {numbers['error'][-1]:.2e}, largest drift of C "
        f"{max(numbers['drift']):.1e}, angle of B with W^T {numbers['angle'][-1]:.1f} degrees"
    )


def figure(numbers: dict[str, Any], path: Path) -> None:
    """Error and drift of the conserved matrix, and the alignment, over time."""
    from matplotlib.figure import Figure

    fig = Figure(figsize=(8, 3.4), layout="constrained")
    left, right = fig.subplots(1, 2)
    times = numbers["times"]
    left.semilogy(times, numbers["error"], label="$||T - WA|| \\,/\\, ||T||$")
    left.semilogy(times[1:], numbers["drift"][1:], label="largest drift of $C$")
    left.set(xlabel="time")
    left.legend(frameon=False)
    right.plot(times[1:], numbers["angle"][1:])
    right.set(xlabel="time", ylabel="angle of $B$ with $W^T$ (degrees)", ylim=(0, 90))
    fig.savefig(path, dpi=120)
