"""The command robust on tiny runs: what it writes, what it follows, and what it says is missing."""

import json
import shutil

import pytest
import torch

from benchmark.cli import main
from benchmark.suite.run import robust
from benchmark.suite.run.rest import Place, at_rest

TINY = ["--epochs", "1", "--seeds", "2", "--network.hidden=[8]", "--measure.every=0"]
NAMES = ["robust", "--dataset", "mnist5k", "--images", "40"]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Results with bp and fa, two seeds each, and their checkpoints."""
    results = tmp_path_factory.mktemp("robust") / "results"
    assert main(["bench", "--algorithm", "fa", *TINY, "--results", str(results)]) == 0
    return results


@pytest.fixture
def results(trained, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(robust, "QUERIES", (3, 12))
    monkeypatch.setattr(robust, "PGD_STEPS", 3)
    return shutil.copytree(trained, tmp_path / "results")


def measured(results):
    files = sorted((results / "robustness").glob("*.json"))
    return {path.name: json.loads(path.read_text()) for path in files}


def one(results, text):
    (path,) = (results / "records").glob(f"*{text}.json")
    return path


def points(content):
    return {(p["attack"], p["strength"], p["through"], p.get("queries")): p["acc"]
            for p in content["points"]}  # fmt: skip


def test_a_file_beside_each_record(results, capsys):
    assert main(NAMES) == 0
    found = measured(results)
    assert found.keys() == {path.name for path in (results / "records").iterdir()}
    for name, content in found.items():
        record = json.loads((results / "records" / name).read_text())
        assert content["weights_sha256"] == record["weights_sha256"]
        source = content["source"]
        path = one(results, f"bp-{source['row_hash']}-s{source['seed']}")
        assert source["seed"] != record["seed"]
        assert source["weights_sha256"] == json.loads(path.read_text())["weights_sha256"]
        acc = points(content)
        ways = {(attack, through) for attack, _, through, _ in acc}
        assert (("pgd", "own") in ways) == (record["row"]["algorithm"]["name"] == "fa")
        assert ways >= {("fgsm", "true"), ("pgd", "true"), ("pgd", "bp"), ("noise", "nothing")}
        assert acc["pgd", 0.3, "true", None] < content["clean_acc"]
        assert ("square", 0.3, "scores", 12) in acc
        assert 0 < min(p["queries_mean"] for p in content["points"] if "queries" in p) <= 3
    assert capsys.readouterr().out.count("gives the input no signal") == 2  # bp, two seeds
    before = {path: path.read_bytes() for path in (results / "robustness").iterdir()}
    assert main(NAMES) == 0
    assert capsys.readouterr().out.count("already measured") == 4
    assert main([*NAMES, "--again"]) == 0
    again = measured(results)
    assert [points(a) for a in again.values()] == [points(a) for a in found.values()]
    assert before.keys() == {path for path in (results / "robustness").iterdir()}


def test_an_image_withstands_what_it_is_right_without(results):
    """By hand: the victim of PGD is right with and without it."""
    path = one(results, "fa-*-s0")
    assert main(["robust", "--record", str(path), "--images", "40"]) == 0
    (content,) = measured(results).values()
    place = Place(results, [], False, 40)
    algorithm, (x, y, normalize) = at_rest(json.loads(path.read_text()), place)
    assert len(x) == 40 and set(y.tolist()) == set(range(10)) and 0 <= x.min() < x.max() <= 1
    predicted = algorithm.predict(normalize(255 * x)).argmax(1)
    assert content["clean_acc"] == pytest.approx(100 * (predicted == y).double().mean().item())
    g = torch.autograd.grad
    leaf = x.clone().requires_grad_()
    W1, W2 = (block.synapse.weight for block in algorithm.net.blocks)
    logits = (leaf.flatten(1) @ W1.T).relu() @ W2.T
    (true,) = g(torch.nn.functional.cross_entropy(logits, y), leaf)
    moved = (x + 0.1 * true.sign()).clamp(0, 1)
    right = (predicted == y) & (algorithm.predict(normalize(255 * moved)).argmax(1) == y)
    expected = 100 * right.double().mean().item()
    assert points(content)["fgsm", 0.1, "true", None] == pytest.approx(expected)


def test_weights_that_are_gone_are_trained_again(results, capsys):
    path = one(results, "fa-*-s1")
    command = ["robust", "--record", str(path), "--images", "40"]
    shutil.rmtree(results / "runs")
    assert main(command) == 2
    assert "its weights are not in" in capsys.readouterr().err and not measured(results)
    assert main([*command, "--retrain"]) == 0
    retrained = points(*measured(results).values())
    assert "bp" in {through for _, _, through, _ in retrained}  # it is trained again too


def test_other_weights_than_the_records_are_refused(results, capsys):
    path = one(results, "fa-*-s0")
    record = json.loads(path.read_text())
    path.write_text(json.dumps(record | {"weights_sha256": "0" * 64}))
    for more, words in (([], "not in"), (["--retrain"], "other weights than its record")):
        assert main(["robust", "--record", str(path), *more]) == 2
        assert words in capsys.readouterr().err
    path.write_text(json.dumps(record | {"dataset": record["dataset"] | {"sha256": "ab"}}))
    assert main(["robust", "--record", str(path)]) == 2
    assert "other images of mnist5k" in capsys.readouterr().err and not measured(results)


def test_the_board_is_a_function_of_the_files(results, capsys):
    assert main(["leaderboard"]) == 0 and not (results / "robustness.md").exists()
    assert main(NAMES) == 0
    texts = []
    for _ in range(2):
        assert main(["leaderboard"]) == 0
        texts.append([(results / f"robustness.{s}").read_bytes() for s in ("md", "csv")])
    assert texts[0] == texts[1] and "4 runs under attack" in capsys.readouterr().out
    path = one(results, "fa-*-s0")
    record = json.loads(path.read_text())
    path.write_text(json.dumps(record | {"weights_sha256": "0" * 64}))
    assert main(["leaderboard"]) == 2
    assert "other weights than its record" in capsys.readouterr().err
    path.unlink()
    assert main(["leaderboard"]) == 2
    assert "no record beside it" in capsys.readouterr().err


def test_one_seed_of_backprop_is_no_source_for_itself(results, capsys):
    one(results, "bp-*-s1").unlink()
    assert main([*NAMES, "--algorithm", "bp"]) == 0
    (content,) = measured(results).values()
    assert "transfer is left out" in capsys.readouterr().out and "source" not in content


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ([], "choose runs by"),
        (["--dataset", "mnist5k", "--record", "x.json"], "choose runs by"),
        (["--record", "x.json"], "x.json"),
        (["--algorithm", "faa"], "'faa': did you mean fa"),
        (["--dataset", "mnist"], "'mnist': did you mean mnist5k"),
        (["--network", "lenet"], "'lenet'"),
        ([*NAMES[1:3], "--images", "0"], "images is 0"),
        ([*NAMES[1:3], "--optim.lr=1"], "own row"),
        ([*NAMES[1:3], "--machine.devices=2", "--machine.accelerator=cpu"], "one process"),
    ],
)
def test_bad_input_is_one_line(results, capsys, args, words):
    assert main(["robust", *args]) == 2
    (line,) = (text for text in capsys.readouterr().err.splitlines() if "error: " in text)
    assert words in line and not measured(results)
