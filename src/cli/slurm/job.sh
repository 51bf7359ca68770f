#!/bin/bash
# A Slurm job array: each task runs one cell of the sweep. Submit it with ./submit.sh.
#SBATCH --job-name=neurogain-@NAME@
#SBATCH --array=1-@CELLS@
#SBATCH --output=logs/%3a.log@GRES@
exec "${NEUROGAIN:-neurogain}" sweep sweep.toml --out . --cell "$SLURM_ARRAY_TASK_ID" \
    --threads "${SLURM_CPUS_PER_TASK:-1}" --device @DEVICE@ --quiet
