"""Defects to plant, a line each, and the tests that must notice them."""

from typing import NamedTuple


class Defect(NamedTuple):
    """One changed line.

    Attributes:
        name: what is wrong with it.
        file: where, below ``benchmark/``.
        old: text that stands there exactly once.
        new: what it becomes.
        tests: files of ``tests/``, or tests in them, of which one must fail.
    """

    name: str
    file: str
    old: str
    new: str
    tests: str


DEFECTS = [
    # ---- credit/: the mathematics
    Defect(
        "output error with the wrong sign", "credit/losses.py",
        "return p - one_hot(y, p)", "return one_hot(y, p) - p", "oracle/test_drtp.py",
    ),
    Defect(
        "local update summed over the batch", "credit/losses.py",
        "return sum(terms[1:], terms[0]) / len(activities[0])",
        "return sum(terms[1:], terms[0])", "oracle/test_dfa.py",
    ),
    Defect(
        "error sent back through W", "credit/feedback.py",
        "x, _, B, _ = inputs", "x, B, _, _ = inputs",
        "oracle/test_fa.py",
    ),
    Defect(
        "difference correction left out", "credit/targets.py",
        "targets.append(h_below + d(targets[-1], h))",
        "targets.append(d(targets[-1], h))", "oracle/test_dtp.py",
    ),
    Defect(
        "decoders taught away from the transpose", "credit/targets.py",
        "- 2 * (noise * from_below).sum()", "+ 2 * (noise * from_below).sum()",
        "oracle/test_target_variants.py::test_ldtp_decoders",
    ),
    Defect(
        "threshold of a summed goodness not per unit", "credit/goodness.py",
        "(h[0].numel() if self.kind == \"sum\" else 1)", "1", "oracle/test_ff.py",
    ),
    Defect(
        "wrong labels that may be right", "credit/goodness.py",
        "torch.randint(1, classes", "torch.randint(0, classes", "oracle/test_ff.py",
    ),
    Defect(
        "nudged away from the target", "credit/settling.py",
        "beta * (target - top)", "beta * (top - target)", "oracle/test_ep.py",
    ),
    Defect(
        "residual branches that forget the depth", "networks/res_mlp.py",
        "(width * layers) ** -0.5", "width**-0.5", "oracle/test_res_mlp.py",
    ),
    # ---- measure/: attacks on what was trained
    Defect(
        "a true gradient of the inputs that goes through B", "credit/true_gradient.py",
        "with symmetric(algorithm.net):", "if algorithm.net is not None:",
        "oracle/test_input_signal.py",
    ),
    Defect(
        "pepita's input signal with the wrong sign", "algorithms/families/modulated.py",
        "return -self.input_shift(", "return self.input_shift(", "oracle/test_input_signal.py",
    ),
    Defect(
        "pgd that leaves its ball", "measure/attacks.py",
        "x_adv = (x_adv + alpha * gradient(x_adv, y).sign()).clamp(low, high)",
        "x_adv = (x_adv + alpha * gradient(x_adv, y).sign()).clamp(0, 1)",
        "oracle/test_attacks.py",
    ),
    Defect(
        "queries that are counted after an image is lost", "measure/attacks.py",
        "used[alive] += 1", "used += 1", "oracle/test_attacks.py",
    ),
    # ---- algorithms/: the rules
    Defect(
        "dfa with the wrong sign", "algorithms/dfa.py",
        "return e @ self.get_buffer(f\"B{k}\")", "return -e @ self.get_buffer(f\"B{k}\")",
        "oracle/test_dfa.py",
    ),
    Defect(
        "correlations that forget what they have seen", "algorithms/ebd.py",
        "self.get_buffer(name).to(a.dtype), self.memory", "self.get_buffer(name).to(a.dtype), 0",
        "oracle/test_ebd.py",
    ),
    Defect(
        "correlations that start from nothing", "algorithms/ebd.py",
        "start * R)", "0 * R)", "oracle/test_ebd.py",
    ),
    Defect(
        "shared B_k not scaled to its layer", "algorithms/dfa.py",
        "math.sqrt(max(self.units) / self.units[k])", "1.0", "limits/test_feedback.py",
    ),
    Defect(
        "the same frame carries its own error", "algorithms/pepita_video.py",
        "self.forward_pass(following + ", "self.forward_pass(first + ", "oracle/test_pepita.py",
    ),
    Defect(
        "frames of different clips beside each other", "data/loader.py",
        "labels.repeat_interleave(frames)", "labels.repeat(frames)", "data/test_data_clips.py",
    ),
    Defect(
        "states that climb the energy", "algorithms/families/predicted.py",
        "h_l - self.state_lr * v_l", "h_l + self.state_lr * v_l", "oracle/test_predictive.py",
    ),
    Defect(
        "states that wait for the weights", "algorithms/ipc.py",
        "at = moved if self.order", "at = h if self.order", "oracle/test_predictive.py",
    ),
    Defect(
        "events that are not cancelled", "algorithms/burst.py",
        "events @ (P_BASE * Y)", "events @ (P_BASE**2 * Y)", "oracle/test_burst.py",
    ),
    Defect(
        "a controller that does not leak", "algorithms/dfc.py",
        "target - r_L - self.leak * u", "target - r_L", "oracle/test_dfc.py",
    ),
    Defect(
        "two states nudged alike whatever their weights", "algorithms/dualprop.py",
        "else (1 - alpha, alpha)", "else (alpha, 1 - alpha)", "oracle/test_dualprop.py",
    ),
    Defect(
        "a nudged output that is clamped", "credit/predictive.py",
        'if output == "clamped" else (beta, t)', 'if output else (beta, t)',
        "oracle/test_predictive.py",
    ),
    Defect(
        "a forward gradient with a slope that grows with the draws", "algorithms/fg.py",
        "slope * psi / self.draws", "slope * psi", "oracle/test_perturbation.py",
    ),
    Defect(
        "a head that teaches its layer twice", "algorithms/fg.py",
        "predicted(*layer, a_k.detach())", "predicted(*layer, a_k)", "oracle/test_perturbation.py",
    ),
    Defect(
        "decorrelation that shrinks each unit too", "credit/decorrelation.py",
        ".fill_diagonal_(0) @ R", " @ R", "oracle/test_perturbation.py",
    ),
    Defect(
        "node perturbation that hears of no harm", "algorithms/np.py",
        "sample_losses(logits, y, self.loss) - clean", "clean - clean",
        "oracle/test_perturbation.py",
    ),
    Defect(
        "local losses with an error between blocks", "algorithms/families/local_losses.py",
        "block(x.detach() if cut else x)", "block(x)", "oracle/test_local_losses.py",
    ),
    Defect(
        "labels that all classes share", "algorithms/ccl.py",
        "h_k @ c_k.T - same", "h_k @ c_k.T - same.mean()", "oracle/test_ccl.py",
    ),
    Defect(
        "targets that teach the layers below", "algorithms/sigprop.py",
        "torch.cat([h, t]).detach()", "torch.cat([h.detach(), t])", "oracle/test_sigprop.py",
    ),
    Defect(
        "learned control that grows with its noise", "algorithms/dfc.py",
        "u.T @ (u @ B + n)", "u.T @ (u @ B - n)", "oracle/test_dfc.py",
    ),
    Defect(
        "local losses that forget their temperature", "algorithms/sigprop.py",
        "h @ t.T / self.tau", "h @ t.T", "limits/test_layerwise.py",
    ),
    Defect(
        "units that forget what they win", "algorithms/softhebb.py",
        "- (y * u).sum() / len(u)", "+ (y * u).sum() / len(u)", "oracle/test_softhebb.py",
    ),
    Defect(
        "first weights of any sign", "algorithms/softhebb.py",
        "block.synapse.weight.data.abs_()", "block.synapse.weight.data",
        "oracle/test_softhebb.py",
    ),
    Defect(
        "weights that start short", "algorithms/softhebb.py",
        "w.mul_(radius /", "w.mul_(0.5 /", "oracle/test_softhebb.py",
    ),
    Defect(
        "labels under the noise of the next block", "algorithms/noprop.py",
        "self.noised(t - 1, u), x)", "self.noised(t, u), x)", "oracle/test_noprop.py",
    ),
    Defect(
        "channels that all classes share", "algorithms/cwc.py",
        "[share.mean(1) for share in shares]", "[squares.mean(1) for _ in shares]",
        "oracle/test_cwc.py",
    ),
    Defect(
        "goodness that teaches the layers below", "algorithms/cwc.py",
        "same_length(x, self.length).detach()", "same_length(x, self.length)",
        "limits/test_layerwise.py",
    ),
    Defect(
        "negative pairs of a sample with itself", "algorithms/scff.py",
        "x + x.roll(1, 0), y]", "x + x.roll(0, 0), y]", "oracle/test_ff.py",
    ),
    Defect(
        "positive pairs of one sample alone", "algorithms/scff.py",
        "return [x + x,", "return [x,", "limits/test_layerwise.py",
    ),
    Defect(
        "pairs whose own length is lost", "algorithms/scff.py",
        "super().handed_on(h, k) if k else h", "super().handed_on(h, k)",
        "limits/test_layerwise.py oracle/test_ff.py",
    ),
    Defect(
        "pepita's hidden layers unlearn", "algorithms/pepita.py",
        "per_position(h - h_err,", "per_position(h_err - h,", "oracle/test_pepita.py",
    ),
    Defect(
        "ep divides by one nudging, not by their difference", "algorithms/ep.py",
        "-gain / ((beta1 - beta2) * len(x))", "-gain / (beta1 * len(x))", "oracle/test_ep.py",
    ),
    Defect(
        "es climbs down", "algorithms/es.py",
        "k: -weighted_sum(", "k: weighted_sum(", "oracle/test_evolution.py",
    ),
    Defect(
        "an estimate without its sigma squared", "algorithms/es.py",
        "u / (len(F) * self.sigma**2)", "u / (len(F) * self.sigma)", "limits/test_estimate.py",
    ),
    Defect(
        "pairs that are not antithetic", "credit/perturbation.py",
        "torch.cat([d.b, d.b])", "torch.cat([d.b, -d.b])", "oracle/test_evolution.py",
    ),
    Defect(
        "low ranks that grow with the rank", "credit/perturbation.py",
        "sigma * rank**-0.5 * a", "sigma * a", "oracle/test_evolution.py",
    ),
    Defect(
        "ranks of equal fitnesses in the order of the draw", "credit/perturbation.py",
        "(below + up_to - 1).to(fitness.dtype) / 2", "fitness.argsort().argsort().to(fitness)",
        "oracle/test_evolution.py",
    ),
    Defect(
        "ga keeps the least fit", "algorithms/ga.py",
        "F.argsort(descending=True, stable=True)", "F.argsort(stable=True)",
        "oracle/test_evolution.py",
    ),
    Defect(
        "elites that are mutated too", "algorithms/ga.py",
        "torch.cat([D[: self.elites], child", "torch.cat([child[: self.elites], child",
        "oracle/test_evolution.py",
    ),
    Defect(
        "processes that judge the population on their own batch alone",
        "algorithms/families/population.py",
        "x, y = joined(x), joined(y)", "x, y = x, y",
        "limits/test_shares.py",
    ),
    Defect(
        "a promise that is too large", "algorithms/dtp.py",
        "transport=\"output\"", "transport=\"none\"", "conformance/test_traits.py::test_transport",
    ),
    Defect(
        "dfa that peeks at the forward weights", "algorithms/dfa.py",
        "return e @ self.get_buffer(f\"B{k}\")",
        "return e @ self.get_buffer(f\"B{k}\") * self.net.blocks[-1].synapse.weight.sum()",
        "conformance/test_traits.py::test_transport",
    ),
    # ---- engine/, data/ and streams: the loop
    Defect(
        "the four likeliest classes for five", "engine/evaluation.py",
        "MulticlassAccuracy(classes, 5,", "MulticlassAccuracy(classes, 4,",
        "oracle/test_top5.py::test_by_hand",
    ),
    Defect(
        "a counter of energy that never begins anew", "engine/energy.py",
        " + (counter.wraps or 0.0) * (after < before)", "",
        "measure/test_energy.py::test_packages_add_and_wrap",
    ),
    Defect(
        "resuming skips a step", "engine/learner.py",
        "self._step = checkpoint[\"in_epoch\"][\"step\"]",
        "self._step = checkpoint[\"in_epoch\"][\"step\"] + 1",
        "limits/test_persistent.py::test_resumed_in_mid_epoch_the_samples_keep_their_particles",
    ),
    Defect(
        "one noise for all processes", "engine/learner.py",
        "self._step, self.noise_rank)", "self._step, 0)",
        "conformance/test_processes.py::test_noise_is_drawn_per_process",
    ),
    Defect(
        "mean loss of mini-batches, not of samples", "engine/sums.py",
        "task_loss(logits, y, self.loss) * len(y)", "task_loss(logits, y, self.loss)",
        "limits/test_library.py::test_a_plain_trainer_gives_the_suites_weights_and_metrics",
    ),
    Defect(
        "a stopping rule that reads accuracies as errors", "engine/stop.py",
        "(1 - self.memory) * (1 - acc / 100)", "(1 - self.memory) * acc / 100",
        "limits/test_stop.py::test_the_rule_by_hand",
    ),
    Defect(
        "every epoch in one order", "data/order.py",
        "stream(self.seed, \"order\", epoch)", "stream(self.seed, \"order\", 0)",
        "data/test_data_loader.py",
    ),
    Defect(
        "streams that forget their name", "streams.py",
        "repr((int(seed), *name))", "repr((int(seed), name[0]))", "data/test_data_loader.py",
    ),
    # ---- speed/: repeated steps
    Defect(
        "repeats that are never proved", "speed/replay.py",
        "if self._is_due(record):", "if False:", "limits/test_replay_proof.py",
    ),
    Defect(
        "counters that do not count as state", "speed/seen.py",
        "if numbers and a is not b", "if False and a is not b", "limits/test_replay_proof.py",
    ),
    Defect(
        "a written part of a fresh tensor taken for a constant", "speed/tidy.py",
        "op is operator.getitem or (isinstance(op, OpOverload) and _aliases(op))",
        "isinstance(op, OpOverload) and _aliases(op)", "limits/test_replay.py",
    ),
    Defect(
        "products of changed weights computed once", "speed/tidy.py",
        "return root in written or held in memories", "return root in written",
        "limits/test_replay.py",
    ),
    Defect(
        "products that end in a momentum which does not decay", "speed/absorb.py",
        '{"beta": mu}', '{"beta": 1.0}', "limits/test_replay.py",
    ),
    Defect(
        "products that end in their momentum whatever that does to the last bit", "speed/absorb.py",
        "return torch.equal(W, other_W) and torch.equal(v, other_v)", "return True",
        "limits/test_replay.py",
    ),
    # ---- tasks/, suite/evolve/: evolution without data
    Defect(
        "poles that pull the cart the other way", "tasks/double_pole.py",
        "f = m * L * omega**2 * sin + 0.75", "f = m * L * omega**2 * sin - 0.75",
        "evolve/test_tasks.py",
    ),
    Defect(
        "networks asked by their place among those alive", "tasks/double_pole.py",
        "y = networks(alive,", "y = networks(np.arange(len(alive)),", "evolve/test_tasks.py",
    ),
    Defect(
        "an answer of 1/2 that counts as right", "tasks/xor.py",
        "(y > 0.5) == (t > 0.5)", "(y >= 0.49) >= (t > 0.5)", "evolve/test_tasks.py",
    ),
    Defect(
        "solutions that are not tried", "suite/evolve/solve.py",
        "f >= task.enough and task.solves(network, rng)", "f >= task.enough",
        "evolve/test_searches.py",
    ),
    Defect(
        "es that draws one population for all generations", "suite/evolve/weights.py",
        "\"noise\", self._generation", "\"noise\", 0", "evolve/test_searches.py",
    ),
    Defect(
        "means that leave out how many failed", "suite/tables/tally.py",
        "{len(solved)} of {len(runs)}", "{len(solved)} of {len(solved)}",
        "evolve/test_searches.py",
    ),
    # ---- suite/: rows, records, tables, the queue
    Defect(
        "a place of this machine in a row's identity", "suite/rows/row.py",
        "PLACES = (\"root\", \"cache\",", "PLACES = (\"root\",", "records/test_identity.py",
    ),
    Defect(
        "records written twice", "suite/records/records.py",
        "if old and not overwrite:", "if old and overwrite is None:",
        "records/test_record_files.py",
    ),
    Defect(
        "diverged runs that count", "suite/records/failed.py",
        "return record[\"status\"] == \"diverged\" or (", "return (",
        "records/test_leaderboard_table.py",
    ),
    Defect(
        "Welch with the other sample's size", "suite/tables/intervals.py",
        "variance(a) / len(a), variance(b) / len(b)",
        "variance(a) / len(b), variance(b) / len(a)", "tables/test_statistics.py",
    ),
    Defect(
        "Bonferroni in place of Holm", "suite/tables/intervals.py",
        "(len(tested) - k) * p", "len(tested) * p", "tables/test_statistics.py",
    ),
    Defect(
        "the interval of a mean, not of one more run", "suite/tables/statistics.py",
        "variance(measured) * (1 + 1 / m)", "variance(measured) / m", "tables/test_statistics.py",
    ),
    Defect(
        "backprop attacked through its own weights as a transfer", "suite/run/robust.py",
        "and other[\"seed\"] != record[\"seed\"]", "and other is not None",
        "cli/test_robust.py::test_a_file_beside_each_record",
    ),
    Defect(
        "names that are HTML", "suite/tables/page/site.py",
        "autoescape=True", "autoescape=False", "tables/test_page.py",
    ),
    Defect(
        "a record's link that a browser takes apart", "suite/tables/page/runs.py",
        "../records/{quote(file)}", "../records/{file}", "tables/test_page.py",
    ),
    Defect(
        "rows drawn for their test accuracy", "suite/tables/page/runs.py",
        "row.line[\"val_acc_mean\"], ", "row.line[\"test_acc_mean\"], ", "tables/test_page.py",
    ),
    Defect(
        "pages half written where the disk is full", "suite/records/files.py",
        "for rest in (part, old):", "for rest in (old,):", "tables/test_page.py",
    ),
    Defect(
        "families of one color and dash", "suite/tables/looks.py",
        "place // len(COLORS) % len(DASHES)", "0", "tables/test_looks.py",
    ),
    Defect(
        "robustness of other weights than the record's", "suite/tables/robustness_board.py",
        "if record.get(\"weights_sha256\") != one[\"weights_sha256\"]:", "if record is one:",
        "cli/test_robust.py::test_the_board_is_a_function_of_the_files",
    ),
    Defect(
        "the free energy of an image as that of one class", "algorithms/classrbm.py",
        "self.scores(v).logsumexp(1)", "self.scores(v).amax(1)", "cli/test_fantasies.py",
    ),
    Defect(
        "memory that is never given back", "suite/perf/counting.py",
        "self.now -= size", "self.now -= 0", "measure/test_costs.py",
    ),
    Defect(
        "a front of those that are cheap alone", "suite/tables/cost_board.py",
        "c <= cost and a >= acc and", "c <= cost and", "tables/test_costs_board.py",
    ),
    Defect(
        "claims that two may hold", "suite/run/claims.py",
        "fcntl.LOCK_EX | fcntl.LOCK_NB", "fcntl.LOCK_SH | fcntl.LOCK_NB", "launch/test_queue.py",
    ),
    # ---- population/: seeds that train together
    Defect(
        "seeds that all see the first one's order", "population/feed.py",
        "zip(*(own.chunks(epoch, start) for own in self.loaders), strict=True)",
        "zip(*(self.loaders[0].chunks(epoch, start) for _ in self.loaders), strict=True)",
        "conformance/test_population.py::test_records_and_angles_are_those_of_separate_runs",
    ),
    Defect(
        "seeds clipped by the first one's norm", "population/stack.py",
        "part.grad = p.grad[s]", "part.grad = p.grad[0]",
        "conformance/test_population.py::test_together_is_one_by_one",
    ),
    Defect(
        "a seed that stops ends all", "population/members.py",
        "trainer.should_stop |= not self.running",
        "trainer.should_stop |= any(seat.should_stop for seat in self.seats)",
        "conformance/test_population.py::test_each_ends_where_it_would_alone",
    ),
    Defect(
        "seeds tried together without a look at their update", "population/reasons.py",
        "all(_close(wanted[k], found[k]) for k in wanted)", "True",
        "conformance/test_population.py"
        "::test_a_rule_whose_weights_are_not_found_by_name_is_found_out",
    ),
]  # fmt: skip
