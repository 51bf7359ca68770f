#!/bin/bash
# One cell of the sweep a task. `submit.sh` submits it, from this directory.
#SBATCH --job-name=neurogain-@NAME@
#SBATCH --array=1-@CELLS@
#SBATCH --output=logs/%3a.log@GRES@
exec "${NEUROGAIN:-neurogain}" sweep sweep.toml --out . --cell "$SLURM_ARRAY_TASK_ID" \
    --threads "${SLURM_CPUS_PER_TASK:-1}" --device @DEVICE@ --quiet
