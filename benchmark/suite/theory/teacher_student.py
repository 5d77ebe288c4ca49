"""The teacher-student experiment of Srinivasan et al. 2023: afa against its order parameters."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
from scipy.integrate import solve_ivp
from scipy.special import erf

from benchmark.suite.theory.order_parameters import Array, System, flow

ETA, END, POINTS = 1.0, 200.0, 101
DIMENSIONS, RUNS = (50, 200, 800), 8


def initial() -> System:
    """Two units learn two, from v = 0.

    The second hidden unit lies opposite to F, so that the student has to find a degenerate
    solution: this unit and its v with the sign reversed. F overlaps with the teacher; were it
    orthogonal, feedback would fade as the student's weights approach the teacher's.
    """
    overlaps = np.eye(5)
    for a, b, value in (
        (0, 0, 0.5), (1, 1, 0.5), (0, 4, 0.4), (1, 4, -0.3), (0, 2, 0.2), (1, 3, -0.1),
        (2, 4, 0.5), (3, 4, 0.4),
    ):  # fmt: skip
        overlaps[a, b] = overlaps[b, a] = value
    return System(overlaps, np.zeros(2), np.ones(2))


def theory(start: System, times: Array) -> list[System]:
    """The order parameters at ``times``, integrated numerically."""
    n, K = len(start.overlaps), len(start.v)

    def unpack(state: Array) -> System:
        return System(state[:-K].reshape(n, n), state[-K:], start.teacher)

    def derivative(_: float, state: Array) -> Array:
        overlaps, v = flow(unpack(state), ETA)
        return np.concatenate([overlaps.ravel(), v])

    state = np.concatenate([start.overlaps.ravel(), start.v])
    solution = solve_ivp(derivative, (0, times[-1]), state, t_eval=times, rtol=1e-6, atol=1e-8)
    return [unpack(s) for s in solution.y.T]


def simulation(start: System, times: Array, N: int, rng: np.random.Generator) -> list[System]:
    """Online learning with inputs of dimension N, started at exactly the same overlaps."""
    K, M = len(start.v), len(start.teacher)
    basis = np.linalg.qr(rng.standard_normal((N, K + M + 1)))[0].T * np.sqrt(N)
    vectors = np.linalg.cholesky(start.overlaps) @ basis
    w, fixed = vectors[:K], vectors[K:]
    v, F = start.v.copy(), fixed[-1]
    systems = []
    done = 0
    for t in times:
        steps = round(t * N)
        for x in rng.standard_normal((steps - done, N)):
            field = w @ x / np.sqrt(N)
            h = erf(field / np.sqrt(2))
            e = v @ h - start.teacher @ erf(fixed[:-1] @ x / np.sqrt(2 * N))
            slope = np.sqrt(2 / np.pi) * np.exp(-(field**2) / 2)
            r = w @ F / N
            w = w - ETA / np.sqrt(N) * e * np.outer(r * slope, x)
            v = v - ETA / N * e * h
        done = steps
        all_vectors = np.concatenate([w, fixed])
        systems.append(System(all_vectors @ all_vectors.T / N, v, start.teacher))
    return systems


def cosine(a: Array, b: Array) -> float:
    scale = float(np.linalg.norm(a) * np.linalg.norm(b))
    return float(a @ b) / scale if scale else 0.0


def degenerate(teacher: Array) -> list[Array]:
    """Second layers that give the teacher's outputs: units permuted, and flipped in both layers."""
    flips = itertools.product((1.0, -1.0), repeat=len(teacher))
    return [np.array(f) * p for f in flips for p in itertools.permutations(teacher)]


def describe(systems: list[System]) -> dict[str, list[float]]:
    """Curves of the error and of the alignments of v."""
    return {
        "error": [s.error() for s in systems],
        "v_with_W1F": [cosine(s.v, s.r) for s in systems],
        "v_with_teacher": [cosine(s.v, s.teacher) for s in systems],
        "v_with_nearest_degenerate": [
            max(cosine(s.v, d) for d in degenerate(s.teacher)) for s in systems
        ],
    }


def run() -> dict[str, Any]:
    """Theory, simulations at growing dimension, and the largest gap between them."""
    times = np.linspace(0, END, POINTS)
    start = initial()
    predicted = describe(theory(start, times))
    simulated = {}
    for N in DIMENSIONS:
        rng = np.random.default_rng(N)
        runs = [describe(simulation(start, times, N, rng)) for _ in range(RUNS)]
        gaps = [np.abs(np.subtract(r["error"], predicted["error"])).max() for r in runs]
        simulated[str(N)] = {**runs[0], "largest_gap": float(np.mean(gaps)), "runs": RUNS}
    return {
        "eta": ETA,
        "times": times.tolist(),
        "theory": predicted,
        "simulation": simulated,
    }


def summary(numbers: dict[str, Any]) -> str:
    rows = [
        f"N = {N:>5}: largest gap of the generalization error {s['largest_gap']:.4f}"
        for N, s in numbers["simulation"].items()
    ]
    return "\n".join(rows)


def figure(numbers: dict[str, Any], path: Path) -> None:
    """Error and alignment over time, and the gap over the dimension."""
    from matplotlib.figure import Figure

    fig = Figure(figsize=(12, 3.6), layout="constrained")
    left, middle, right = fig.subplots(1, 3)
    times, predicted = numbers["times"], numbers["theory"]
    for shade, (N, s) in zip(("0.75", "0.5", "0.2"), numbers["simulation"].items(), strict=False):
        left.plot(times, s["error"], color=shade, lw=1, label=f"simulation, N = {N}")
    left.plot(times, predicted["error"], "C3--", label="theory")
    left.set(xlabel="steps / N", ylabel="generalization error", yscale="log")
    left.legend(frameon=False)
    last = list(numbers["simulation"].values())[-1]
    names = {
        "v_with_W1F": "$W_1 F$",
        "v_with_teacher": "teacher",
        "v_with_nearest_degenerate": "nearest degenerate solution",
    }
    for color, (key, name) in zip(("C0", "C1", "C2"), names.items(), strict=True):
        middle.plot(times, predicted[key], f"{color}--")
        middle.plot(times, last[key], color, lw=1, label=f"$W_2$ with {name}")
    middle.set(xlabel="steps / N", ylabel="cosine", ylim=(-0.05, 1.05))
    middle.legend(frameon=False, title="dashed: theory", loc="center right")
    dimensions = [int(N) for N in numbers["simulation"]]
    gaps = [s["largest_gap"] for s in numbers["simulation"].values()]
    right.loglog(dimensions, gaps, "o-", label="largest gap, mean of runs")
    guide = [gaps[0] * (dimensions[0] / N) ** 0.5 for N in dimensions]
    right.loglog(dimensions, guide, "k:", label="$N^{-1/2}$")
    right.set(xlabel="input dimension N", ylabel="gap between theory and simulation")
    right.set_xticks(dimensions, labels=[str(N) for N in dimensions])
    right.set_xticks([], minor=True)
    right.legend(frameon=False)
    fig.savefig(path, dpi=120)
