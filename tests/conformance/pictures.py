"""A folder of small pictures of noise, in two classes."""

from pathlib import Path

import torch
from PIL import Image

from benchmark.streams import stream


def draw_images(root: Path) -> None:
    """56 pictures to train on and 8 to test, 8 x 8 pixels in color."""
    for part, n in (("train", 28), ("test", 4)):
        for k in range(2):
            folder = root / part / str(k)
            folder.mkdir(parents=True)
            for i in range(n):
                pixels = torch.randint(256, (8, 8, 3), generator=stream(i, part, k))
                Image.fromarray(pixels.byte().numpy()).save(folder / f"{i}.png")
