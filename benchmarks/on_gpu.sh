#!/usr/bin/env bash
# Measures on the GPU of this machine, in stages, each of limited time.
#
#     benchmarks/on_gpu.sh check update step together damping modern papers
#
# `papers` compares the optimizers of chapter 4 on PROBLEMS (f e d a) at the published
# size, for EPOCHS passes (300 by default); `damping` and `modern` make the figures of
# these names.  Each trains on its problems side by side.  Unpack the gpu.tar of an
# earlier call in $OUT, and they continue from there.  DATA_NOTE is what their records
# say of CIFAR-10.
#
# Records and logs go to $OUT (gpu-results by default).  After each stage all of them are
# in $OUT/gpu.tar, so that a stop loses one stage at most.  TINY=1 tries every stage in
# its smallest form, on any machine.  A limit is set by its stage's name in capitals:
# UPDATE=300 benchmarks/on_gpu.sh update.
set -uo pipefail
cd "$(dirname "$0")/.."
out=${OUT:-gpu-results}
python=${PYTHON:-python3}
# The first argument where TINY is set, else the others.
pick() { if [ -n "${TINY:-}" ]; then echo "$1"; else echo "${@:2}"; fi; }
results=$out/results
mkdir -p "$results"
export PYTHONPATH=$PWD:${PYTHONPATH:-} PYTHONUNBUFFERED=1
# JAX and PyTorch share the memory.
export XLA_PYTHON_CLIENT_PREALLOCATE=${XLA_PYTHON_CLIENT_PREALLOCATE:-false}

# Runs the command $3... of stage $1 for at most $2 seconds; its output is kept.
limited() {
  local stage=$1 seconds=$2
  shift 2
  local limit=${stage^^}
  timeout --kill-after=5 "${!limit:-$seconds}" "$@" 2>&1 | tee -a "$out/$stage.log" |
    grep -v -e '^$' -e WARNING || true
}

# The transforms' tests on the GPU, and an epoch of a network beside the CPU's.
check() {
  limited check 60 "$python" -m pytest -q -n 6 -x --maxfail=30 -p no:cacheprovider -p no:benchmark \
    tests/transforms/test_{inna,step_tuned_sgd,gradient_variation,precision}.py
  for platform in "" cpu; do
    JAX_PLATFORMS=$platform limited check 60 "$python" -m inna_optax train f \
      --optimizer inna --epochs 1 --train-examples "$(pick 256 1280)" \
      --out "$results/check-f${platform:+-$platform}"
  done
}

# What an update costs, beside optax's and PyTorch's optimizers.
update() {
  limited update 120 "$python" benchmarks/step_cost.py --name step_cost_gpu \
    --out "$results" --rounds "$(pick 2 8)" --leaves 400 \
    --params $(pick 100000 1000000 10000000 100000000 1000000000)
}

# A training step beside PyTorch's.
step() {
  local networks=("lenet, batch norm" resnet20 "nin, chapter 4" autoencoder)
  local wide=(resnet20 "nin, chapter 4")
  if [ -n "${TINY:-}" ]; then networks=(lenet) wide=(lenet); fi
  local options=(--out "$results" --rounds "$(pick 2 12)" --scanned 16
    --seconds 0.2 --budget 6)
  limited step 240 "$python" benchmarks/training_step.py --name training_step_gpu \
    --networks "${networks[@]}" "${options[@]}"
  limited step 120 "$python" benchmarks/training_step.py --dtype bfloat16 \
    --name training_step_gpu_bfloat16 --no-torch-compile \
    --networks "${wide[@]}" "${options[@]}"
}

# Grids of runs in one program and one after another.
together() {
  limited together 120 "$python" benchmarks/sweep.py --name sweep_gpu \
    --out "$results" --rounds "$(pick 1 3)" --updates $(pick "44 1" 440 200)
}

# Networks compared on the problem $2, into the folder $3, for the stage $1: `compare` or
# `figure` and its arguments.  Goes on from what is there.
compared() {
  local stage=$1 problem=$2 folder=$results/$3 note=()
  shift 3
  case $problem in a | c | e | f) note=(${DATA_NOTE:+--data-note "$DATA_NOTE"}) ;; esac
  limited "$stage" 520 "$python" -m inna_optax "$@" --out "$folder" \
    "${note[@]}" $([ ! -d "$folder" ] || echo --resume)
}

# The function $1 for each of the problems $2..., side by side: while one compiles, which
# takes the CPU, another has the GPU.
side_by_side() {
  local run=$1 problem
  shift
  for problem in "$@"; do "$run" "$problem" & done
  wait
}

# The papers' comparisons at their size: a from one seed.
papers() { side_by_side paper ${PROBLEMS:-f e d a}; }
paper() {
  compared papers "$1" "compare-$1" compare "$1" --scale paper \
    --epochs "$(pick 1 "${EPOCHS:-300}")" ${TINY:+--train-examples 256} \
    --seeds "$(pick 1 "$([ "$1" = a ] && echo 1 || echo 3)")"
}

# The share of the fresh gradient beside Nesterov's method.  mnist-lenet has four times
# the updates in an epoch.
damping() { side_by_side dial $(pick digits e f mnist-lenet); }
dial() {
  local epochs=${EPOCHS:-20}
  [ "$1" != mnist-lenet ] || epochs=$(((epochs + 3) / 4))
  compared damping "$1" "figure-damping-$1" figure damping --problems "$1" \
    --scale paper --epochs "$(pick 1 "$epochs")" --seeds "$(pick 1 3)"
}

# What is used today, tuned alike.
modern() { side_by_side used_today $(pick digits f a); }
used_today() {
  compared modern "$1" "figure-modern-$1" figure modern --problems "$1" --scale paper \
    --epochs "$(pick 1 "${EPOCHS:-20}")" ${TINY:+--train-examples 256} \
    --seeds "$(pick 1 3)"
}

for stage in "$@"; do
  case $stage in
    check | update | step | together | damping | modern | papers) ;;
    *)
      echo "on_gpu.sh: stage '$stage' is unknown: check, update, step, together, damping, modern, papers" >&2
      exit 2
      ;;
  esac
done
for stage in "$@"; do
  echo "=== $stage (${SECONDS}s)"
  "$stage"
  tar -C "$out" --exclude checkpoints -cf "$out/gpu.tar.partial" results \
    $(cd "$out" && ls ./*.log)
  mv "$out/gpu.tar.partial" "$out/gpu.tar"
done
echo "=== done (${SECONDS}s): $out/gpu.tar"
