"""The queue of jobs: workers on this machine's cores and GPUs, or a Slurm job array."""
