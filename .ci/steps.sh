# To be sourced: the steps of .ci/run. Each one's output goes to the screen and to a file; the summary reads the files.

# Where the files lie: a new directory below the given one.
steps_into() {
  steps=$1/steps
  mkdir "$steps"
  count=0
}

# Runs a command as a step with a name. The first one that fails ends the run.
step() {
  local name=$1 began=$SECONDS
  shift
  count=$((count + 1))
  printf '\n== %s (%s s)\n' "$name" "$SECONDS"
  "$@" 2>&1 | tee "$steps/$count.log"
  printf '%5s s  %s\n' $((SECONDS - began)) "$name" >>"$steps/times"
}

# Begins a step that goes on beside the next ones; `wait_beside` shows what it wrote. One at a time.
beside() {
  beside_name=$1 beside_began=$SECONDS
  shift
  count=$((count + 1))
  beside_log=$steps/$count.log
  printf '\n== %s begins, beside the next steps (%s s)\n' "$beside_name" "$SECONDS"
  # A process group of its own can be ended as a whole.
  setsid "$@" >"$beside_log" 2>&1 &
  beside_process=$!
}

wait_beside() {
  local failed=0
  wait "$beside_process" || failed=$?
  printf '\n== %s (%s s)\n' "$beside_name" "$SECONDS"
  cat "$beside_log"
  printf '%5s s  %s, beside others\n' $((SECONDS - beside_began)) "$beside_name" >>"$steps/times"
  beside_process=
  return "$failed"
}

# Ends what still runs beside, when the run ends early.
end_beside() {
  if [ -n "${beside_process:-}" ]; then
    kill -TERM -- "-$beside_process" 2>/dev/null && wait "$beside_process" || true
  fi
}

# The time of each step, and how many tests all of them ran.
steps_summary() {
  printf '\n== done (%s s)\n' "$SECONDS"
  cat "$steps/times"
  # Vitest's own closing line: `Tests  2 failed | 25 passed (27)`.
  awk '/^ +Tests +[0-9]/ { for (i = 3; i <= NF; i++) { if ($i ~ /^passed/) passed += $(i - 1); if ($i ~ /^failed/) failed += $(i - 1) } }
    END { printf "tests: %d passed, %d failed\n", passed, failed; exit passed == 0 }' "$steps"/*.log
}
