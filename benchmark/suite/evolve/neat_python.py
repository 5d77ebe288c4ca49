"""NEAT (Stanley & Miikkulainen 2002) by the library neat-python: networks that grow."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from typing import Annotated, Any

import numpy as np

from benchmark.errors import UserError
from benchmark.options import Count, CountOrZero, NotNegative, Positive, Range
from benchmark.suite.evolve.solve import Search
from benchmark.tasks.task import Array, Indices, Networks, Task

try:
    import neat
except ModuleNotFoundError as error:
    raise UserError("neat needs neat-python: pip install neat-python") from error

Rate = Annotated[float, Range(least=0, most=1)]

FILE = """
[NEAT]
pop_size = {population}
fitness_criterion = max
fitness_threshold = 0
no_fitness_termination = True
reset_on_extinction = True

[DefaultGenome]
num_inputs = {inputs}
num_outputs = {outputs}
num_hidden = 0
initial_connection = full_direct
feed_forward = {feed_forward}
compatibility_disjoint_coefficient = {disjoint}
compatibility_weight_coefficient = {difference}
conn_add_prob = {add_connection}
conn_delete_prob = {delete_connection}
node_add_prob = {add_node}
node_delete_prob = {delete_node}
activation_default = sigmoid
activation_options = sigmoid
activation_mutate_rate = 0
aggregation_default = sum
aggregation_options = sum
aggregation_mutate_rate = 0
{genes}
enabled_default = True
enabled_mutate_rate = 0.01
enabled_rate_to_false_add = 0
enabled_rate_to_true_add = 0

[DefaultSpeciesSet]
compatibility_threshold = {threshold}

[DefaultStagnation]
species_fitness_func = max
max_stagnation = {stagnation}
species_elitism = {spared}

[DefaultReproduction]
elitism = {elites}
survival_threshold = {survival}
min_species_size = 2
"""
STEP = 0.1  # of the threshold
GENE = """{gene}_init_mean = 0
{gene}_init_stdev = {spread}
{gene}_init_type = gaussian
{gene}_max_value = 30
{gene}_min_value = -30
{gene}_mutate_power = {power}
{gene}_mutate_rate = {mutate}
{gene}_replace_rate = {replace}"""


class Genomes:
    """Networks of genomes, as a task asks them."""

    def __init__(self, genomes: Sequence[Any], config: Any, memory: bool) -> None:
        self.n, self._all = len(genomes), (genomes, config, memory)
        kind = neat.nn.RecurrentNetwork if memory else neat.nn.FeedForwardNetwork
        self._nets = [kind.create(genome, config) for genome in genomes]

    def __call__(self, which: Indices, x: Array) -> Array:
        pairs = zip(which.tolist(), x.tolist(), strict=True)
        return np.array([self._nets[i].activate(inputs) for i, inputs in pairs])

    def times(self, n: int) -> Genomes:
        genomes, *how = self._all
        return Genomes([*genomes] * n, *how)


class NEAT(Search):
    """Neuroevolution of augmenting topologies, by neat-python.

    Weights mutate, connections and nodes are added; genes are aligned by their innovations, and
    species protect what is new. Defaults are the settings of the paper's XOR as far as the library
    has them: it knows no mating between species, and nodes have biases instead of a bias input.
    """

    def __init__(
        self,
        task: Task,
        seed: int,
        *,
        population: Count = 150,
        add_connection: Rate = 0.05,
        add_node: Rate = 0.03,
        delete_connection: Rate = 0.0,
        delete_node: Rate = 0.0,
        mutate: Rate = 0.8,
        replace: Rate = 0.1,
        power: Positive = 0.5,
        spread: Positive = 1.0,
        disjoint: NotNegative = 1.0,
        difference: NotNegative = 0.4,
        threshold: Positive = 3.0,
        species: Count = 10,
        stagnation: Count = 15,
        spared: CountOrZero = 2,
        elites: Count = 1,
        survival: Rate = 0.2,
    ) -> None:
        """
        Args:
            population: networks of a generation.
            add_connection: probability that a child gains a connection.
            add_node: probability that a connection of it is split by a node.
            delete_connection: probability that it loses one.
            delete_node: probability that it loses a node.
            mutate: probability that a weight changes.
            replace: probability that it is drawn anew.
            power: standard deviation of a change.
            spread: standard deviation of new weights.
            disjoint: what a gene that one of two genomes lacks adds to their distance.
            difference: what a unit of difference between their weights adds to it.
            threshold: distance from which two are of different species, at first.
            species: their number, towards which the threshold moves by 0.1 in each generation.
            stagnation: generations after which a species that does not improve dies out.
            spared: species that do not die out, the fittest; with none, the population starts anew
                where all are stagnant.
            elites: of each species, kept as they are.
            survival: share of a species that has children.
        """
        self._memory, self._species = task.memory, species
        rates = {"mutate": mutate, "replace": replace, "power": power, "spread": spread}
        same = {"mutate": 0, "replace": 0, "power": 0, "spread": 0}
        genes = [GENE.format(gene=gene, **rates) for gene in ("weight", "bias")]
        genes.append(GENE.format(gene="response", **same).replace("init_mean = 0", "init_mean = 1"))
        text = FILE.format(
            population=population, inputs=task.inputs, outputs=task.outputs,
            feed_forward=not task.memory, disjoint=disjoint, difference=difference,
            add_connection=add_connection, add_node=add_node,
            delete_connection=delete_connection, delete_node=delete_node, genes="\n".join(genes),
            threshold=threshold, stagnation=stagnation, spared=spared, elites=elites,
            survival=survival,
        )  # fmt: skip
        kinds = (
            neat.DefaultGenome, neat.DefaultReproduction,
            neat.DefaultSpeciesSet, neat.DefaultStagnation,
        )  # fmt: skip
        with tempfile.NamedTemporaryFile("w", suffix=".ini") as file:
            file.write(text)
            file.flush()
            self._config = neat.Config(*kinds, file.name)
        self._population = neat.Population(self._config, seed=seed)

    def generation(self, fitness: Callable[[Networks], Array]) -> tuple[Networks, float]:
        def judge(genomes: list[tuple[int, Any]], config: Any) -> None:
            everyone = [genome for _, genome in genomes]
            for genome, f in zip(everyone, fitness(self._networks(*everyone)), strict=True):
                genome.fitness = float(f)
            self._best = max(everyone, key=lambda genome: genome.fitness)

        try:
            self._population.run(judge, 1)
        except RuntimeError as error:  # each species has a least number of members
            raise UserError(
                f"neat: {error} Take a larger algorithm.population or algorithm.threshold"
            ) from error
        self._move_threshold()
        return self._networks(self._best), self._best.fitness

    def _move_threshold(self) -> None:
        """Stanley's dynamic threshold: fewer species where they are too many, and the reverse."""
        kinds = self._config.species_set_config
        excess = np.sign(len(self._population.species.species) - self._species)
        kinds.compatibility_threshold = max(STEP, kinds.compatibility_threshold + STEP * excess)

    def _networks(self, *genomes: Any) -> Genomes:
        return Genomes(genomes, self._config, self._memory)

    def about(self) -> dict[str, float]:
        """Hidden nodes and enabled connections of the fittest."""
        connections = [c for c in self._best.connections.values() if c.enabled]
        outputs = len(self._config.genome_config.output_keys)
        return {
            "hidden_nodes": len(self._best.nodes) - outputs,
            "connections": len(connections),
        }
